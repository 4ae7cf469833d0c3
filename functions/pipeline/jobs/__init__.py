"""SageMaker's jobs: the requests that create them, jobs outside any run, and jobs that are followed."""
