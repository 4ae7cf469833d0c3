"""What runs leave in S3 for later steps and later runs."""
