"""A usual solution of the same task with pandas, scikit-learn, XGBoost and Flask, as the reference of benchmarks.

It has an environment of its own (the dependency group `reference`) and shares no code with the project.
"""
