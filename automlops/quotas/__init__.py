"""Compares the account's quotas with what runs need."""
