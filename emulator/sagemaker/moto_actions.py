"""Answers SageMaker's actions in place of moto, from validated requests and running jobs.

Touches moto's private parts: BackendDict.backend and clear; SageMakerModelBackend's _models, training_jobs,
transform_jobs and _get_resource_from_arn; methods set on SageMakerResponse, which moto finds by the action's name;
BaseResponse's parse_parameters, _get_action, body, region and current_account; Model's attributes, which become members of
DescribeModel.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from botocore import xform_name
from moto.core.responses import EmptyResult
from moto.sagemaker.models import SageMakerModelBackend, sagemaker_backends
from moto.sagemaker.responses import SageMakerResponse

from emulator.moto_patches import replace
from emulator.refusals import not_played
from emulator.sagemaker.errors import SerializationError, ValidationError
from emulator.sagemaker.jobs import resource_arn
from emulator.sagemaker.validation import read_request
from emulator.service_models import service_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from emulator.sagemaker.api import SageMakerApi

# Actions answered here.
ACTIONS = (
    "CreateTrainingJob",
    "DescribeTrainingJob",
    "ListTrainingJobs",
    "StopTrainingJob",
    "CreateTransformJob",
    "DescribeTransformJob",
    "ListTransformJobs",
    "StopTransformJob",
    "CreateModel",
    "DescribeModel",
    "ListModels",
    "DeleteModel",
)
# What stays moto's own. All others are refused: they would succeed without anything that runs.
_MOTOS = re.compile(r"(list_|add_tags|delete_tags|search)")


class Backend(SageMakerModelBackend):  # type: ignore[misc]  # moto is not followed by mypy
    """moto's backend of one account and Region, with names compared as AWS does: without regard to case."""

    # moto finds the service's URLs by the backend's module.
    __module__ = SageMakerModelBackend.__module__

    def create_model(self, model_name: str, **members: Any) -> Any:
        """Store a model under its name, once.

        Raises:
            ValidationError: the name is taken.
        """
        arn = resource_arn("model", model_name, self.region_name, self.account_id)
        if self.has_model(model_name):
            raise ValidationError(f'Cannot create already existing model "{arn}".')
        model = super().create_model(model_name=model_name, **members)
        model.arn = arn
        self._models[model_name.lower()] = self._models.pop(model_name)
        return model

    def has_model(self, model_name: str) -> bool:
        """Whether the name is taken."""
        return model_name.lower() in self._models

    def describe_model(self, model_name: str) -> Any:
        """Return a model.

        Raises:
            ValidationError: there is none of that name.
        """
        model = self._models.get(model_name.lower())
        if model is None:
            arn = resource_arn("model", model_name, self.region_name, self.account_id)
            raise ValidationError(f'Could not find model "{arn}".')
        return model

    def delete_model(self, model_name: str) -> None:
        """Forget a model; its artifact stays.

        Raises:
            ValidationError: there is none of that name.
        """
        self.describe_model(model_name)
        del self._models[model_name.lower()]

    def add_tags(self, arn: str, tags: list[dict[str, str]]) -> list[dict[str, str]]:
        """Add tags; one of the same key is replaced."""
        resource = self._get_resource_from_arn(arn)
        added = {tag["Key"] for tag in tags}
        resource.tags = [*(tag for tag in resource.tags if tag["Key"] not in added), *tags]
        found: list[dict[str, str]] = resource.tags
        return found

    def _get_resource_from_arn(self, arn: str) -> Any:
        try:
            resource = super()._get_resource_from_arn(arn) if arn.rpartition(":")[2].count("/") == 1 else None
        except AttributeError:
            # moto breaks on a type that it does not have.
            resource = None
        if resource is None:
            raise ValidationError(f"Could not find resource {arn}.")
        return resource


def install_actions(api: SageMakerApi) -> None:
    """Empty moto's SageMaker and answer ACTIONS by `api` from now on, and make nothing else."""
    replace(sagemaker_backends, "backend", Backend)
    sagemaker_backends.clear()
    moto_parses = SageMakerResponse.__mro__[1].parse_parameters

    def parse_parameters(self: Any, request: Any) -> None:
        # moto's parser breaks on wrong types before anyone could refuse them.
        if self._get_action() not in ACTIONS:
            moto_parses(self, request)

    replace(SageMakerResponse, "parse_parameters", parse_parameters, expects=("self", "request"))
    for name in map(xform_name, service_model("sagemaker").operation_names):
        if hasattr(SageMakerResponse, name) and not _MOTOS.match(name):
            setattr(SageMakerResponse, name, not_played)
    for action in ACTIONS:
        setattr(SageMakerResponse, xform_name(action), _make_action(action, getattr(api, xform_name(action))))


def _make_action(
    operation: str, answer: Callable[[Backend, dict[str, Any]], dict[str, Any] | None]
) -> Callable[[Any], Any]:
    def act(self: Any) -> Any:
        try:
            request = read_request(operation, self.body)
        except SerializationError as error:
            return _serialization_answer(str(error))
        found = answer(sagemaker_backends[self.current_account][self.region], request)
        return EmptyResult() if found is None else _answer(found)

    return act


def _answer(found: dict[str, Any]) -> tuple[int, dict[str, Any], str]:
    """Return the answer in moto's form; its members are those of the service model already, so none is looked up."""
    return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(found, default=_timestamp)


def _timestamp(moment: datetime) -> float:
    """Seconds since 1970 to the millisecond, cut, as moto writes them everywhere else."""
    return int(moment.timestamp() * 1000) / 1000


def _serialization_answer(message: str) -> tuple[int, dict[str, Any], str]:
    """AWS's answer as moto takes it; its own way warns about every error that the service model lacks."""
    code = "SerializationException"
    headers = {"status": 400, "x-amzn-errortype": code, "Content-Type": "application/x-amz-json-1.1"}
    return 400, headers, json.dumps({"__type": code, "Message": message})
