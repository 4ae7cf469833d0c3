"""The operator's command, on AWS and on the emulator alike."""
