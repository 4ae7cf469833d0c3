"""The files that runs write to S3 for later steps and later runs."""
