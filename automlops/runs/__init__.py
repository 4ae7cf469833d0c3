"""One run: its request, the checks before it, its execution, and its results on this machine."""
