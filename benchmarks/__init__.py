"""Benchmarks: figures of this project compared with a reference, and the goals for them."""
