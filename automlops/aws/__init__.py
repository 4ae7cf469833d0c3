"""AWS, or the emulator: the connection, a stack's deployment and outputs, and what its runs left in S3."""
