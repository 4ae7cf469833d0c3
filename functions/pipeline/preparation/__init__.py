"""The step PrepareRun: turns a request into a work list."""
