"""The server that SageMaker calls: requests in, a line of answer for each line."""
