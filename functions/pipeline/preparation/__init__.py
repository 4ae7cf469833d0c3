"""The step PrepareRun: a request becomes a work list."""
