"""The step SummarizeRun: verdicts, manifest, clean-up."""
