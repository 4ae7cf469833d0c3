"""SageMaker jobs: the requests that create them, jobs outside a run, and following a job to its end."""
