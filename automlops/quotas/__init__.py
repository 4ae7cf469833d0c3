"""The account's quotas, and how many items at once they allow."""
