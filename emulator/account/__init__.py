"""The account the emulator plays: its quotas, its API rates, what goes wrong in it, and how fast its time passes."""
