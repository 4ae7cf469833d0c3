"""What can be wrong with a template, its parameters, or one resource of a stack."""

from __future__ import annotations


class TemplateError(Exception):
    """The template or its parameters are refused; CloudFormation answers with ValidationError and this message."""


class TransformError(TemplateError):
    """The Serverless transform refused the template."""


class ResourceError(Exception):
    """A resource could not be made, changed or removed; the message is the reason shown in the stack's events."""
