"""What most people would write for the same task: pandas, scikit-learn, XGBoost, Flask. Ours is measured against it.

It has an environment of its own (the dependency group `reference`) and shares no code with the project.
"""
