"""The static checks of definitions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from emulator.stepfunctions.checks import find_problems

IS_NULL = {"Variable": "$", "IsNull": True}
END = {"Type": "Pass", "End": True}
S3_PUT = "arn:aws:states:::aws-sdk:s3:putObject"
TRAIN = "arn:aws:states:::sagemaker:createTrainingJob.sync"
TRAINING = {
    "TrainingJobName.$": "$.name",
    "AlgorithmSpecification.$": "$.algorithm",
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/"},
    "ResourceConfig.$": "$.resources",
    "RoleArn.$": "$.role",
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
}
TRANSFORMATION = {
    "TransformJobName": "t",
    "ModelName": "m",
    "TransformInput.$": "$.input",
    "TransformOutput.$": "$.output",
    "TransformResources.$": "$.resources",
}
REQUIRED: dict[str, dict[str, Any]] = {
    "createTrainingJob": TRAINING,
    "createTransformJob": TRANSFORMATION,
}


def machine(**states: Any) -> dict[str, Any]:
    return {"StartAt": next(iter(states)), "States": states}


def problems(definition: dict[str, Any]) -> list[str]:
    return [str(problem) for problem in find_problems(json.dumps(definition))]


def task(resource: str, **fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": resource, "End": True} | fields


def a_map(mode: str = "DISTRIBUTED", **fields: Any) -> dict[str, Any]:
    config = {"Mode": mode} | ({"ExecutionType": "STANDARD"} if mode == "DISTRIBUTED" else {})
    return {"Type": "Map", "ItemProcessor": {"ProcessorConfig": config, **machine(I=END)}, "End": True} | fields


@pytest.mark.parametrize(
    "definition",
    [
        machine(A=END),
        machine(A={"Type": "Pass", "Next": "B"}, B={"Type": "Succeed"}),
        machine(
            C={"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": True, "Next": "A"}], "Default": "B"}
        )
        | {"StartAt": "C"},
        machine(M=a_map(Label="x" * 40, ToleratedFailurePercentage=100)),
        machine(T=task(S3_PUT, Parameters={"Bucket": "b", "Key.$": "$.k", "Body": {}})),
        machine(T=task("arn:aws:lambda:us-east-1:123456789012:function:f")),
    ],
    ids=["pass", "two", "choice", "map", "put", "function"],
)
def test_good_definition_has_no_problem(definition: dict[str, Any]) -> None:
    if "C" in definition["States"]:
        definition["States"] |= {"A": END, "B": END}

    assert problems(definition) == []


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        pytest.param(
            {"StartAt": "X", "States": {"A": END}},
            ["MISSING_TRANSITION_TARGET: Missing 'Next' target: X at /StartAt"],
            id="start",
        ),
        pytest.param(
            machine(A={"Type": "Pass", "Next": "X"}, B=END),
            [
                "MISSING_TRANSITION_TARGET: Missing 'Next' target: X at /States/A/Next",
                'MISSING_TRANSITION_TARGET: State "B" is not reachable. at /States/B',
            ],
            id="next",
        ),
        pytest.param(
            machine(
                A={"Type": "Choice", "Choices": [IS_NULL | {"Next": "X"}], "Default": "B"},
                B=END,
            ),
            ["MISSING_TRANSITION_TARGET: Missing 'Next' target: X at /States/A/Choices[0]/Next"],
            id="choice",
        ),
        pytest.param(
            machine(
                A={"Type": "Choice", "Choices": [IS_NULL | {"Next": "B"}], "Default": "X"},
                B=END,
            ),
            ["MISSING_TRANSITION_TARGET: Missing 'Next' target: X at /States/A/Default"],
            id="default",
        ),
        pytest.param(
            machine(M=a_map(Catch=[{"ErrorEquals": ["States.ALL"], "Next": "X"}])),
            ["MISSING_TRANSITION_TARGET: Missing 'Next' target: X at /States/M/Catch[0]/Next"],
            id="catch",
        ),
        pytest.param(
            machine(
                A={"Type": "Pass", "Next": "B"}, B={"Type": "Pass", "Next": "A"}, C={"Type": "Pass", "Next": "A"}
            ),
            ["MISSING_END_STATE: Workflow has no terminal state at null"],
            id="no-end",
        ),
        pytest.param(
            machine(A={"Type": "Pass", "Next": "A"}, C=END),
            ['MISSING_TRANSITION_TARGET: State "C" is not reachable. at /States/C'],
            id="unreachable",
        ),
        pytest.param(
            machine(M=a_map(TimeoutSeconds=5)),
            ["SCHEMA_VALIDATION_FAILED: Field 'TimeoutSeconds' is not supported at /States/M"],
            id="field-of-another-type",
        ),
        pytest.param(
            machine(A={"Type": "Pass"}),
            [
                "SCHEMA_VALIDATION_FAILED: Exactly one of 'Next' and 'End' is required at /States/A",
                "MISSING_END_STATE: Workflow has no terminal state at null",
            ],
            id="neither-next-nor-end",
        ),
        pytest.param(
            machine(A={"Type": "Sleep"}, B=END),
            [
                "SCHEMA_VALIDATION_FAILED: Unknown state type: Sleep at /States/A/Type",
                'MISSING_TRANSITION_TARGET: State "B" is not reachable. at /States/B',
            ],
            id="type",
        ),
        pytest.param(
            machine(T=task(TRAIN.replace("createTrainingJob", "createModel"))),
            [
                (
                    "SCHEMA_VALIDATION_FAILED: The resource provided arn:aws:states:::sagemaker:createModel.sync is not "
                    "recognized. The value is not a valid resource ARN, or the resource is not available in this "
                    "region. at /States/T/Resource"
                ),
            ],
            id="create-model-sync",
        ),
        pytest.param(
            machine(T=task(S3_PUT, Parameters={"Bucket": "b", "key.$": "$.k"})),
            [
                'SCHEMA_VALIDATION_FAILED: The field "key" is not supported by Step Functions at /States/T/Parameters',
                'SCHEMA_VALIDATION_FAILED: The field "Key" is required but was missing at /States/T/Parameters',
            ],
            id="parameters",
        ),
        pytest.param(
            machine(T=task("arn:aws:states:::lambda:invoke", Parameters={"Payload": {}})),
            [
                'SCHEMA_VALIDATION_FAILED: The field "FunctionName" is required but was missing at /States/T/Parameters'
            ],
            id="function-name",
        ),
        pytest.param(
            machine(T=task(TRAIN, Parameters=TRAINING | {"RetryStrategy": {"MaximumRetryAttempts": 2}})),
            [
                (
                    'SCHEMA_VALIDATION_FAILED: The field "RetryStrategy" is not supported by Step Functions '
                    "at /States/T/Parameters"
                ),
            ],
            id="without-evidence",
        ),
        pytest.param(
            machine(M=a_map("INLINE", Label="x")),
            ["SCHEMA_VALIDATION_FAILED: Field 'Label' is only supported in a DISTRIBUTED Map at /States/M"],
            id="inline-label",
        ),
        pytest.param(
            machine(M=a_map(Label="x" * 41)),
            ["SCHEMA_VALIDATION_FAILED: 'Label' must have 1 to 40 characters at /States/M/Label"],
            id="long-label",
        ),
        pytest.param(
            machine(I=a_map()),
            ["DUPLICATE_STATE_NAME: Duplicate State name: I at /States/I/ItemProcessor/States/I"],
            id="same-name",
        ),
        pytest.param(
            machine(
                T=task(
                    S3_PUT, Parameters={"Bucket": "b", "Key": "k"}, Retry=[{"ErrorEquals": ["States.ALL", "E"]}]
                )
            ),
            [
                "SCHEMA_VALIDATION_FAILED: 'States.ALL' must stand alone and in the last place at /States/T/Retry[0]"
            ],
            id="all-not-alone",
        ),
    ],
)
def test_problem_is_found_and_placed(definition: dict[str, Any], expected: list[str]) -> None:
    assert problems(definition) == expected


@pytest.mark.parametrize(
    "resource",
    ["arn:aws:states:::aws-sdk:s3:putObjects", "arn:aws:states:::aws-sdk:s4:putObject", S3_PUT + ".sync"],
    ids=["action", "service", "sync"],
)
def test_unknown_resource_is_found(resource: str) -> None:
    found = problems(machine(T=task(resource, Parameters={"Bucket": "b", "Key": "k"})))

    assert len(found) == 1
    assert f"The resource provided {resource} is not recognized." in found[0]


def job(action: str, form: str = ".sync", **more: Any) -> list[str]:
    """Return what is wrong with a job's state that is given `more` than the fields it must have."""
    resource = f"arn:aws:states:::sagemaker:{action}{form}"
    return problems(machine(T=task(resource, Parameters=REQUIRED[action] | more)))


@pytest.mark.parametrize(
    ("action", "more"),
    [
        ("createTrainingJob", {"VpcConfig": {"Subnets": ["a"]}, "EnableNetworkIsolation.$": "$.isolated"}),
        ("createTrainingJob", {"DebugHookConfig.$": "$.hook", "ExperimentConfig.$": "$.experiment"}),
        ("createTrainingJob", {"HyperParameters": {"RetryStrategy": "a map's keys are free"}}),
        ("createTrainingJob", {"InputDataConfig": [{"ChannelName": "a", "DataSource.$": "$.source"}]}),
        ("createTransformJob", {"Environment": {"A": "b"}, "DataProcessing": {"JoinSource": "Input"}}),
    ],
)
def test_field_of_a_job_with_evidence_is_taken(action: str, more: dict[str, Any]) -> None:
    assert job(action, **more) == []


@pytest.mark.parametrize(
    ("action", "more", "field"),
    [
        ("createTrainingJob", {"RetryStrategy.$": "$.retries"}, "RetryStrategy"),
        ("createTrainingJob", {"ProfilerConfig": {}}, "ProfilerConfig"),
        (
            "createTrainingJob",
            {"ResourceConfig": {"InstanceCount": 1, "KeepAlivePeriodInSeconds": 60}},
            "KeepAlivePeriodInSeconds",
        ),
        (
            "createTrainingJob",
            {"InputDataConfig": [{"ChannelName": "a", "ShuffleConfig": {"Seed": 1}}]},
            "ShuffleConfig",
        ),
        ("createTrainingJob", {"Tags": [{"key": "a", "value": "b"}]}, "key"),
        ("createTransformJob", {"DataCaptureConfig.$": "$.capture"}, "DataCaptureConfig"),
    ],
)
@pytest.mark.parametrize("form", ["", ".sync"])
def test_field_of_a_job_without_evidence_is_refused(
    action: str, more: dict[str, Any], field: str, form: str
) -> None:
    found = job(action, form, **more)
    assert f'The field "{field}" is not supported by Step Functions at /States/T/Parameters' in found[0]


@pytest.mark.parametrize(
    "resource",
    [
        "sagemaker:createProcessingJob.sync",
        "sagemaker:createProcessingJob",
        "sagemaker:createEndpoint",
        "sagemaker:createHyperParameterTuningJob.sync",
        "glue:startJobRun.sync",
        "batch:submitJob.sync",
        "ecs:runTask",
        "http:invoke",
    ],
)
def test_integration_that_is_not_played_is_refused_by_name(resource: str) -> None:
    arn = f"arn:aws:states:::{resource}"
    found = problems(machine(T=task(arn, Parameters={})))

    assert found == [f"SCHEMA_VALIDATION_FAILED: The emulator does not play {arn} at /States/T/Resource"]


@pytest.mark.parametrize(
    ("resource", "parameters", "problem"),
    [
        ("states:startExecution.sync", {"StateMachineArn": "a", "TraceHeader": "t"}, "TraceHeader"),
        ("states:startExecution", {}, "StateMachineArn"),
        ("sns:publish", {"Message": "m", "TopicArn": "t", "Nothing": 1}, "Nothing"),
        ("sqs:sendMessage", {"QueueUrl": "q"}, "MessageBody"),
        ("events:putEvents", {"Entries": [], "EndpointId": "e"}, "EndpointId"),
        ("dynamodb:getItem", {"TableName": "t"}, "Key"),
    ],
)
def test_parameter_that_an_integration_does_not_take_or_lacks_is_refused(
    resource: str, parameters: dict[str, Any], problem: str
) -> None:
    found = problems(machine(T=task(f"arn:aws:states:::{resource}", Parameters=parameters)))

    assert len(found) == 1
    assert f'The field "{problem}" is' in found[0]


@pytest.mark.parametrize("form", ["sync", "sync:2", "waitForTaskToken"])
def test_express_children_wait_for_nothing_however_deep(form: str) -> None:
    resource = f"arn:aws:states:::states:startExecution.{form}"
    waiting = machine(T=task(resource, Parameters={"StateMachineArn": "a"}))
    nested = machine(P={"Type": "Parallel", "Branches": [waiting], "End": True})
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}
    found = problems(machine(M=a_map(ItemProcessor={"ProcessorConfig": config, **nested})))

    place = "/States/M/ItemProcessor/States/P/Branches[0]/States/T/Resource"
    problem = f"Express child workflows do not support {resource}"
    assert found == [f"SCHEMA_VALIDATION_FAILED: {problem} at {place}"]


@pytest.mark.parametrize("place", ["machine", "state"])
def test_an_unknown_query_language_is_refused(place: str) -> None:
    definition = machine(A=END) | {"QueryLanguage": "SQL"}
    if place == "state":
        definition = machine(A=END | {"QueryLanguage": "SQL"})

    assert "Unknown QueryLanguage: SQL" in problems(definition)[0]


def test_problems_inside_maps_and_branches_have_their_full_place() -> None:
    inner = machine(A={"Type": "Pass", "Next": "X"}, B=END)
    branch = {"Type": "Parallel", "Branches": [machine(C=END), inner], "End": True}

    assert problems(machine(P=branch))[0].endswith(
        "Missing 'Next' target: X at /States/P/Branches[1]/States/A/Next"
    )


def test_express_children_cannot_wait_for_a_job() -> None:
    state = a_map()
    state["ItemProcessor"]["ProcessorConfig"]["ExecutionType"] = "EXPRESS"
    state["ItemProcessor"]["States"]["I"] = task("arn:aws:states:::glue:startJobRun.sync")

    assert "Express child workflows do not support" in problems(machine(M=state))[0]


@pytest.mark.parametrize("text", ["{", "[]"], ids=["cut", "list"])
def test_text_that_is_no_object_is_found(text: str) -> None:
    assert [problem.code for problem in find_problems(text)] == ["INVALID_JSON_DESCRIPTION"]


def test_definition_over_a_megabyte_is_found() -> None:
    assert problems(machine(A=END) | {"Comment": "x" * 1_048_576}) != []
