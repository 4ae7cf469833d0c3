"""The command `automlops`, for AWS and for the emulator."""
