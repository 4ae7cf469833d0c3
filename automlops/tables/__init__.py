"""Reads, cuts and makes tables on this machine."""
