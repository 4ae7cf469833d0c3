"""Transactions as people have them, read into orders."""
