"""What items' jobs read: which objects that is, and whether it is still the same."""
