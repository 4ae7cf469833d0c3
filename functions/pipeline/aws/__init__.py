"""All calls to AWS: a module for each service, and the translation of AWS's errors."""
