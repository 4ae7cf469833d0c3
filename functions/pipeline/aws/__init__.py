"""The one place that talks to AWS: a module for each service, and its errors translated once."""
