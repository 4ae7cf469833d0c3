"""Fits the models to what was known on some day; serving does not need it."""
