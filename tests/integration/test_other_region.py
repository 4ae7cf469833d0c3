"""The whole stack in a Region that no client takes for granted: with our image, and with another's."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from emulator.moto_application import make_application
from emulator.server import Emulator
from tests.emulated import OTHER_COMMAND, deploy_stack
from tests.live.stack import Run, Stack

REGION = "eu-central-1"
IMAGE = f"999999999999.dkr.ecr.{REGION}.amazonaws.com/team/other:1"
OURS, OTHER, ITEM = "ours", "other", "item"
# A signature names the Region that the client talks to.
SCOPE = re.compile(r"Credential=[^/]+/\d{8}/([^/]+)/s3/")

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True)
class Put:
    """An object that somebody has written, and the Region that the request was signed for."""

    path: str
    region: str


@dataclass(frozen=True)
class Scene:
    """Two stacks in one Region, and what has reached S3 there."""

    stacks: dict[str, Stack]
    puts: list[Put] = field(default_factory=list)


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    scene = Scene({})

    def make_watched() -> Application:
        return watched(make_application(), scene.puts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("emulator.server.make_application", make_watched)
        with Emulator(images={IMAGE: OTHER_COMMAND}) as emulator:
            for name, parameters in (
                (OURS, {}),
                (OTHER, {"ImageUri": IMAGE, "AllowedEnvironment": "level,shop_*"}),
            ):
                scene.stacks[name] = deploy_stack(emulator.url, name, parameters, region=REGION)
            yield scene


def watched(application: Application, puts: list[Put]) -> Application:
    """`application`, with a note of every object that is written."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        scope = SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
        if environ["REQUEST_METHOD"] == "PUT" and scope is not None:
            puts.append(Put(environ["PATH_INFO"], scope[1]))
        return application(environ, start_response)

    return answer


@pytest.fixture(scope="module")
def runs(scene: Scene, small_csv: bytes) -> dict[str, Run]:
    """Return an item on each stack."""
    found = {}
    for name, stack in scene.stacks.items():
        stack.upload(ITEM, small_csv)
        found[name] = stack.run({"itemList": [ITEM]}, name)
    return found


def sample(run: Run) -> str:
    """Return the end of the path of what training writes: only a container does."""
    assert run.manifest is not None
    return f"/analysis_predicted/{ITEM}/{run.manifest['runId']}/sample_prediction.csv"


@pytest.mark.parametrize("name", [OURS, OTHER])
def test_an_item_succeeds_in_another_region(runs: dict[str, Run], name: str) -> None:
    entry = runs[name].items[ITEM]
    assert entry["status"] == "SUCCEEDED", entry["reason"]
    assert runs[name].arn.split(":")[3] == REGION


@pytest.mark.parametrize("name", [OURS, OTHER])
def test_a_trainings_client_talks_to_its_region(scene: Scene, runs: dict[str, Run], name: str) -> None:
    written = [put for put in scene.puts if put.path.endswith(sample(runs[name]))]
    assert [put.region for put in written] == [REGION]


def test_a_servers_client_talks_to_its_region(scene: Scene, runs: dict[str, Run]) -> None:
    logs = scene.stacks[OTHER].client("logs")
    events = logs.filter_log_events(
        logGroupName="/aws/sagemaker/TransformJobs",
        logStreamNamePrefix=f"{runs[OTHER].items[ITEM]['transformJobName']}/",
    )["events"]
    assert f"clients talk to {REGION}" in {event["message"] for event in events}


@pytest.mark.usefixtures("runs")
def test_nothing_is_written_from_another_region(scene: Scene) -> None:
    assert {put.region for put in scene.puts} == {REGION}


def test_no_item_names_a_region_of_its_own(scene: Scene) -> None:
    # Beside it, two variables that the stack lets requests set.
    entry = {"item": ITEM, "environment": {"level": "1", "AWS_DEFAULT_REGION": "eu-north-1", "shop_opening": "9"}}
    run = scene.stacks[OTHER].run({"itemList": [entry]}, "own-region")
    assert run.description["status"] == "FAILED"
    (problem,) = json.loads(run.description["cause"])["errorMessage"].splitlines()
    assert problem.startswith("itemList[0].environment.AWS_DEFAULT_REGION: ")
