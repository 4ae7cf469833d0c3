"""Tables on this machine: reading, splitting and generating them."""
