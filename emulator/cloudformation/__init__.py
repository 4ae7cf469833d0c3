"""CloudFormation on this machine: the Serverless transform, change sets, and resources that really exist."""

import emulator.moto_loading  # noqa: F401 - before the backend imports moto's
from emulator.cloudformation.backend import install

__all__ = ["install"]
