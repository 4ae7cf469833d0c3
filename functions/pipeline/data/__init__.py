"""The input of items' jobs: finding the objects, and checking that they are still the same."""
