"""Rules of CreateTrainingJob, CreateTransformJob and CreateModel that the service model does not carry.

Two kinds: what AWS refuses (in AWS's words where they are known), and what the emulator cannot do and therefore
refuses instead of doing something else.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

from emulator.sagemaker.errors import ValidationError

MAX_TRANSFORM_MEMORY_MB = 100
CONTAINER_ROOT = PurePosixPath("/opt/ml")


def check_training_request(request: dict[str, Any]) -> None:
    """Refuse a CreateTrainingJob request.

    Raises:
        ValidationError: a rule is broken.
    """
    algorithm = request.get("AlgorithmSpecification") or {}
    if not algorithm.get("TrainingImage") and not algorithm.get("AlgorithmName"):
        raise ValidationError("TrainingImage or AlgorithmName must be provided in AlgorithmSpecification.")
    _check_resources(request.get("ResourceConfig"))
    _check_spot(request)
    _check_metrics(algorithm.get("MetricDefinitions", []))
    names = [channel["ChannelName"] for channel in request.get("InputDataConfig", [])]
    if len(names) != len(set(names)):
        raise ValidationError("Channel names must be unique in InputDataConfig.")
    _refuse_if("a channel named like a path", {".", ".."} & set(names))
    _refuse_if("AlgorithmName", not algorithm.get("TrainingImage"))
    _refuse_if(
        "ContainerEntrypoint and ContainerArguments",
        algorithm.keys() & {"ContainerEntrypoint", "ContainerArguments"},
    )
    _refuse_if("TrainingInputMode Pipe", algorithm["TrainingInputMode"] == "Pipe")
    for channel in request.get("InputDataConfig", []):
        source = channel["DataSource"].get("S3DataSource")
        _refuse_if("a channel without S3DataSource", source is None)
        _check_s3_source(source)
        _refuse_if("InputMode Pipe", channel.get("InputMode") == "Pipe")
        _refuse_if("RecordWrapperType RecordIO", channel.get("RecordWrapperType") == "RecordIO")
    output = request["OutputDataConfig"]
    _check_s3_uri(output["S3OutputPath"])
    _refuse_if("OutputDataConfig's CompressionType NONE", output.get("CompressionType") == "NONE")
    _check_checkpoints(request.get("CheckpointConfig"))


def check_transform_request(request: dict[str, Any]) -> None:
    """Refuse a CreateTransformJob request.

    Raises:
        ValidationError: a rule is broken.
    """
    source, output = request["TransformInput"], request["TransformOutput"]
    split = source.get("SplitType", "None")
    if request.get("BatchStrategy") == "MultiRecord" and split == "None":
        raise ValidationError(
            "BatchStrategy MultiRecord requires SplitType to be Line, RecordIO or TFRecord, not None."
        )
    payload, concurrency = request.get("MaxPayloadInMB", 0), request.get("MaxConcurrentTransforms", 0)
    if payload > MAX_TRANSFORM_MEMORY_MB:
        raise ValidationError(f"MaxPayloadInMB cannot exceed {MAX_TRANSFORM_MEMORY_MB} MB, but is {payload}.")
    if payload * concurrency > MAX_TRANSFORM_MEMORY_MB:
        raise ValidationError(
            f"MaxConcurrentTransforms * MaxPayloadInMB cannot exceed {MAX_TRANSFORM_MEMORY_MB} MB, "
            f"but is {concurrency} * {payload}."
        )
    _check_s3_source(source["DataSource"]["S3DataSource"])
    _check_s3_uri(output["S3OutputPath"])
    _refuse_if(f"SplitType {split}", split not in {"None", "Line"})
    processing = request.get("DataProcessing", {})
    # "$" is AWS's default and selects everything.
    for name in ("InputFilter", "OutputFilter"):
        _refuse_if(f"{name} {processing.get(name)}", processing.get(name, "$") != "$")
    if processing.get("JoinSource") == "Input":
        kinds = {source.get("ContentType", ""), output.get("Accept", source.get("ContentType", ""))}
        is_csv = all(kind.partition(";")[0].strip() == "text/csv" for kind in kinds)
        _refuse_if(
            "JoinSource Input for anything but text/csv with SplitType Line", not (is_csv and split == "Line")
        )


def check_model_request(request: dict[str, Any]) -> None:
    """Refuse a CreateModel request.

    Raises:
        ValidationError: a rule is broken.
    """
    if ("PrimaryContainer" in request) == ("Containers" in request):
        raise ValidationError("Exactly one of PrimaryContainer and Containers must be provided.")
    for container in containers(request):
        if not container.get("Image") and not container.get("ModelPackageName"):
            raise ValidationError("Image or ModelPackageName must be provided for each container.")
        if container.get("ModelDataUrl"):
            _check_s3_uri(container["ModelDataUrl"])


def check_transform_model(model: dict[str, Any]) -> dict[str, Any]:
    """Return the one container definition that a transform job of `model` runs.

    Raises:
        ValidationError: a batch transform cannot use this model.
    """
    found = containers(model)
    _refuse_if("a batch transform of an inference pipeline", len(found) != 1)
    container = found[0]
    if container.get("ModelDataSource"):
        raise ValidationError("Batch transform takes models made with ModelDataUrl, not with ModelDataSource.")
    _refuse_if("ModelPackageName", not container.get("Image"))
    _refuse_if("Mode MultiModel", container.get("Mode") == "MultiModel")
    return container


def containers(model: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the container definitions of a model's request or description."""
    found: list[dict[str, Any]] = model.get("Containers") or [model["PrimaryContainer"]]
    return found


def checkpoint_folder(config: dict[str, Any]) -> PurePosixPath:
    """Where CheckpointConfig wants its files, relative to /opt/ml."""
    return PurePosixPath(config.get("LocalPath", str(CONTAINER_ROOT / "checkpoints"))).relative_to(CONTAINER_ROOT)


def _check_resources(resources: dict[str, Any] | None) -> None:
    if not resources:
        raise ValidationError("ResourceConfig must be provided.")
    _refuse_if("InstanceGroups", "InstanceGroups" in resources)
    kinds = resources.keys() & {"InstanceType", "InstancePreferences"}
    if len(kinds) != 1:
        raise ValidationError(
            "Exactly one of InstanceType and InstancePreferences must be provided in ResourceConfig."
        )
    if kinds == {"InstanceType"} and resources.get("InstanceCount", 0) < 1:
        raise ValidationError("InstanceCount in ResourceConfig must be at least 1.")


def _check_spot(request: dict[str, Any]) -> None:
    stopping = request.get("StoppingCondition", {})
    wait, run = stopping.get("MaxWaitTimeInSeconds"), stopping.get("MaxRuntimeInSeconds", 86_400)
    if not request.get("EnableManagedSpotTraining"):
        if wait is not None:
            raise ValidationError(
                "MaxWaitTimeInSeconds can only be specified when EnableManagedSpotTraining is true."
            )
        return
    if wait is None:
        raise ValidationError("MaxWaitTimeInSeconds must be specified when EnableManagedSpotTraining is true.")
    if wait < run:
        raise ValidationError(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to "
            f"MaxRuntimeInSeconds ({run})."
        )
    if request["ResourceConfig"].get("KeepAlivePeriodInSeconds"):
        raise ValidationError("KeepAlivePeriodInSeconds is not supported with EnableManagedSpotTraining.")
    if "InstancePreferences" in request["ResourceConfig"]:
        raise ValidationError("InstancePreferences is not supported with EnableManagedSpotTraining.")


def _check_metrics(definitions: list[dict[str, Any]]) -> None:
    for definition in definitions:
        try:
            groups = re.compile(definition["Regex"]).groups
        except re.error as error:
            raise ValidationError(f"The Regex of metric {definition['Name']} is not valid: {error}.") from error
        if groups < 1:
            raise ValidationError(
                f"The Regex of metric {definition['Name']} captures nothing: put the number in parentheses."
            )


def _check_checkpoints(config: dict[str, Any] | None) -> None:
    if config is None:
        return
    _check_s3_uri(config["S3Uri"])
    try:
        folder = checkpoint_folder(config)
    except ValueError:
        folder = PurePosixPath("..")
    _refuse_if("a checkpoint LocalPath outside /opt/ml", ".." in folder.parts)


def _check_s3_source(source: dict[str, Any]) -> None:
    _refuse_if(f"S3DataType {source['S3DataType']}", source["S3DataType"] != "S3Prefix")
    _check_s3_uri(source["S3Uri"])


def _check_s3_uri(uri: str) -> None:
    _refuse_if("an https address of S3", not uri.startswith("s3://"))


def _refuse_if(what: str, refused: Any) -> None:
    if refused:
        raise ValidationError(f"This emulator does not support {what}; AWS does.")
