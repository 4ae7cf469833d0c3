"""Talks to AWS or to the emulator: the connection, the deployed stack, its deployment, what its runs left."""
