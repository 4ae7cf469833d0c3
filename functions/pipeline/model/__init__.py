"""The step CreateModel: the training's output, the gate, and the SageMaker model."""
