"""AWS on this machine: deploys template.yaml, runs the real definition, handlers and container code."""
