"""Runs the emulator, and runs on it, on this machine."""
