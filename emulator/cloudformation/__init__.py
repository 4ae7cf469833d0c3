"""CloudFormation on this machine: the Serverless transform, change sets, and resources that really exist."""

from emulator.cloudformation.backend import install

__all__ = ["install"]
