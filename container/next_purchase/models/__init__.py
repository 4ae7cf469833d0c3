"""The fitted models: for each customer, the probability of being still away after so many days."""
