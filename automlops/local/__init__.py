"""The emulator on this machine: started for one command or in the foreground, reached from Docker, run on by quickstart."""
