"""Takes one run from the command's options to results on this machine."""
