"""What AWS is believed to do: everything that is deployed has an entry, and every entry is held by tests that exist."""

from __future__ import annotations

import ast
import functools
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.model import ListShape, Shape, StructureShape
from pydantic import ValidationError

from emulator.aws_evidence import INTEGRATIONS, Belief, Evidence, Group, fields_of, names_of, read_beliefs
from emulator.service_models import service_model
from emulator.stepfunctions.parameters import operation, unproven_fields
from pipeline import errors
from pipeline.contracts import ItemRequest, TransformChoices, parse_event
from pipeline.errors import PipelineError
from pipeline.jobs import sagemaker_requests
from pipeline.jobs.sagemaker_requests import EarlierPredictions
from pipeline.settings import PrepareRunSettings, load_settings
from tests.unit.pipeline.conftest import ENVIRONMENT

from .conftest import Document, strings_in
from .test_template import as_list, statements

BELIEFS = read_beliefs()
JOBS = {"StartTrainingJob": "createTrainingJob", "StartBatchTransformJob": "createTransformJob"}
PAGE = {"kind": "AWS page", "source": "https://docs.aws.amazon.com/x.html"}
THREAD = {"kind": "public definition", "source": "https://github.com/o/r/issues/1"}
INFERENCE = {"kind": "inference", "source": "it follows"}
ENTRY = {"group": "language", "belief": "b", "evidence": [PAGE], "tests": ["t"], "otherwise": "o"}


def action_of(task: Document) -> str:
    """Return `createTrainingJob` of `arn:…:states:::sagemaker:createTrainingJob.sync`."""
    return re.sub(r"\.sync$", "", task["Resource"].rpartition(":")[2])


def requests_of_an_item() -> dict[str, Document]:
    """Return the largest requests that the pipeline makes, by integration."""
    settings = load_settings(PrepareRunSettings, ENVIRONMENT)
    entry = parse_event(
        ItemRequest, {"item": "a", "hyperparameters": {"seed": "1"}, "training": {"useSpot": True}}
    )
    training = sagemaker_requests.training_job_request(
        entry,
        settings,
        job_name="t",
        run_id="r",
        data_uri="s3://b/k",
        earlier=EarlierPredictions("s3://b/p", 30),
    )
    transform = sagemaker_requests.transform_job_request(
        TransformChoices(), settings, job_name="t", model_name="m", input_uri="s3://b/k", item="a", run_id="r"
    )
    return {"createTrainingJob": training, "createTransformJob": transform}


def test_every_field_that_a_job_is_given_has_an_entry(tasks: Document) -> None:
    built = requests_of_an_item()
    assert {action_of(task) for task in tasks.values() if task["Resource"].endswith(".sync")} == built.keys()
    for state, action in JOBS.items():
        proven, shape = fields_of(action), operation("sagemaker", action).input_shape
        assert proven is not None
        given = {name.removesuffix(".$") for name in tasks[state]["Parameters"]}
        assert given <= proven
        assert list(unproven_fields(tasks[state]["Parameters"], shape, proven)) == []
        assert list(unproven_fields(built[action], shape, proven)) == []


def test_every_member_of_a_result_that_is_read_has_an_entry(tasks: Document) -> None:
    read = set()
    for task in tasks.values():
        paths = [*strings_in(task.get("ResultSelector")), str(task.get("OutputPath"))]
        read |= {f"{action_of(task)}.{name}" for path in paths for name in re.findall(r"^\$\.(\w+)", path)}
    assert {"createTransformJob.TransformEndTime", "invoke.Payload"} <= read
    assert read - names_of("results") == set()


def test_every_name_of_an_error_has_an_entry(definition: Document) -> None:
    def names(value: object) -> Iterator[str]:
        if isinstance(value, dict):
            yield from value.get("ErrorEquals", [])
            for inner in value.values():
                yield from names(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from names(inner)

    found = set(names(definition))
    # One entry is about the names of all exceptions that the functions raise.
    ours = {name for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, PipelineError)}
    assert "States.ALL" in found
    assert found & ours
    assert found - ours - names_of("errors") == set()


def test_every_action_that_a_role_is_given_has_an_entry(template: Document) -> None:
    trusts = [
        statement
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::IAM::Role"
        for statement in resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    ]
    allowed = [*statements(template), *trusts]
    actions = {action for statement in allowed for action in as_list(statement["Action"])}
    assert {"sagemaker:AddTags", "sts:AssumeRole"} <= actions
    assert actions - names_of("permissions") == set()


def test_entries_name_fields_that_sagemaker_has() -> None:
    for action in INTEGRATIONS:
        for field in names_of(action):
            shape: Shape | None = operation("sagemaker", action).input_shape
            for name in field.split("."):
                while isinstance(shape, ListShape):
                    shape = shape.member
                assert isinstance(shape, StructureShape), field
                assert name in shape.members, field
                shape = shape.members[name]


def test_entries_name_shapes_that_botocore_has() -> None:
    for name, belief in BELIEFS.items():
        for evidence in belief.evidence:
            if evidence.kind != "service model":
                continue
            for part in evidence.source.split("; "):
                service, shapes = part.removeprefix("botocore, ").split(": ")
                model = service_model(service)
                for shape in shapes.split(", "):
                    assert shape in {*model.shape_names, *model.operation_names}, f"{name}: {shape}"


@functools.cache
def functions_of(file: Path) -> tuple[frozenset[str], bool]:
    """Return names of a file's functions, and whether it is a scenario of `make test-live`."""
    tree = ast.parse(file.read_text())
    marks = [
        ast.unparse(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
    ]
    names = frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))
    return names, any("pytest.mark.live" in mark for mark in marks)


def find(root: Path, node_id: str) -> bool:
    """Return whether a test exists, and whether it runs on a deployed stack."""
    file, _, name = node_id.partition("::")
    assert (root / file).is_file(), node_id
    functions, live = functions_of(root / file)
    assert not name or (name.startswith("test_") and name in functions), f"there is no test {node_id}"
    return live


@pytest.mark.parametrize("name", BELIEFS)
def test_tests_and_sources_of_every_entry_exist(root: Path, name: str) -> None:
    for node_id in BELIEFS[name].tests:
        find(root, node_id)
    for node_id in BELIEFS[name].live:
        assert find(root, node_id), f"{node_id} does not run on a deployed stack"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"evidence": [THREAD]}, "AWS does not document all of it, so give `live`"),
        ({"evidence": [PAGE, INFERENCE]}, "AWS does not document all of it, so give `live`"),
        ({"live": ["t"], "not_live": "no"}, "give `live` or `not_live`, not both"),
        ({"names": ["a"]}, "`names` goes with the groups"),
        ({"group": "errors"}, "an entry of the group errors says in `names` what it is about"),
        ({"tests": []}, "at least 1 item"),
        ({"colour": "red"}, "colour"),
        (
            {
                "group": "createTrainingJob",
                "names": ["a"],
                "evidence": [{"kind": "service model", "source": "botocore, sagemaker: TagList"}],
            },
            "a service model does not show that an integration takes a field",
        ),
    ],
    ids=["undocumented", "partly inferred", "both", "names", "no names", "no test", "unknown", "model"],
)
def test_an_entry_that_contradicts_itself_is_refused(changes: Document, said: str) -> None:
    assert Belief.model_validate(ENTRY)
    with pytest.raises(ValidationError, match=re.escape(said)):
        Belief.model_validate({**ENTRY, **changes})


@pytest.mark.parametrize(
    ("kind", "source"),
    [
        ("AWS page", "https://github.com/o/r"),
        ("public definition", "https://docs.aws.amazon.com/x.html"),
        ("public definition", "a friend"),
        ("service model", "sagemaker"),
        ("rumour", "https://github.com/o/r"),
    ],
)
def test_a_source_is_of_its_kind(kind: str, source: str) -> None:
    with pytest.raises(ValidationError):
        Evidence.model_validate({"kind": kind, "source": source})


def test_only_actions_that_wait_for_jobs_have_lists_of_fields() -> None:
    group: Group = "createTransformJob"
    assert fields_of(group) == names_of(group)
    assert fields_of("createModel") is None
