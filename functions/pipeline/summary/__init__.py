"""The step SummarizeRun: verdicts, manifest and clean-up."""
