"""Figures of this project beside a reference, and the goals set for them."""
