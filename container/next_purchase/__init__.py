"""Predicts when each customer of one item buys next: training and serving, as SageMaker calls them."""
