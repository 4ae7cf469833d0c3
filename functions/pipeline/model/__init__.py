"""The step CreateModel: the training's result, the gate, the SageMaker model."""
