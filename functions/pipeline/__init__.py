"""What the Lambda handlers call: contracts, settings, naming, SageMaker requests, errors, observability."""
