"""samconfig.toml's profiles, built and deployed by sam itself, on an emulator that nothing else uses."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from automlops.aws.deploy import parameter_overrides
from benchmarks.sam_build import copy_project
from emulator.cloudformation.template import parse
from emulator.deployment import deploy
from emulator.endpoint import Clients
from emulator.keys import keys_of
from emulator.serve import exports
from emulator.server import Emulator
from tests.programs import run_program

BIN = Path(sys.executable).parent
PATIENCE_IN_SECONDS = 240
IMAGE_URI = "123456789012.dkr.ecr.us-east-1.amazonaws.com/automlops:local"
STACKS = {"default": "automlops", "staging": "automlops-staging", "prod": "automlops-prod", "local": "automlops"}


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """Empty, as an account is at first."""
    with Emulator() as running:
        yield running


class Project:
    """A copy of what sam reads, and a terminal in it with the emulator's exports."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        mine = {name: value for name, value in os.environ.items() if not name.startswith("AWS_") and name != "CI"}
        words = (line.removeprefix("export ").partition("=") for line in exports(url, "us-east-1", keys_of(url)))
        self.environment = {
            **mine,
            **{name: value for name, sign, value in words if sign},
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "SAM_CLI_POLL_DELAY": "0.1",
            # Nobody's own profile.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def call(self, *words: str, environment: dict[str, str] | None = None) -> str:
        """Return what a program, which must succeed, prints."""
        ended = run_program(*words, folder=self.folder, environment=environment or self.environment)
        return ended.stdout + ended.stderr

    def sam(self, *words: str) -> str:
        """Call sam."""
        return self.call(str(BIN / "sam"), *words)

    def make_deploy(self, *words: str, environment: dict[str, str] | None = None) -> str:
        """Return what the target deploy of the Makefile calls."""
        return self.call(str(BIN / "automlops"), "deploy", *words, environment=environment)

    def edit(self, file: str, old: str, new: str) -> None:
        """Change a file of the project in one place."""
        path = self.folder / file
        text = path.read_text()
        assert text.count(old) == 1, f"{file} has {text.count(old)} times {old!r}"
        path.write_text(text.replace(old, new))

    def describe(self, name: str, region: str = "us-east-1") -> dict[str, Any]:
        """DescribeStacks' answer for one stack."""
        client = Clients(self.url).get("cloudformation", region)
        (stack,) = client.describe_stacks(StackName=name)["Stacks"]
        told: dict[str, Any] = stack
        return told

    def outputs(self, name: str) -> dict[str, str]:
        """Return the stack's outputs."""
        return {one["OutputKey"]: one["OutputValue"] for one in self.describe(name)["Outputs"]}

    def parameters(self, name: str, region: str = "us-east-1") -> dict[str, str]:
        """Return the stack's parameters, as they are in effect."""
        told = self.describe(name, region)["Parameters"]
        return {one["ParameterKey"]: one["ParameterValue"] for one in told}

    def remove(self, name: str) -> None:
        """Make sure that there is no such stack."""
        Clients(self.url).get("cloudformation").delete_stack(StackName=name)

    def packages(self) -> list[str]:
        """Keys of the bucket that sam made for packages."""
        bucket = self.describe("aws-sam-cli-managed-default")["Outputs"][0]["OutputValue"]
        found = Clients(self.url).get("s3").list_objects_v2(Bucket=bucket)
        return [one["Key"] for one in found.get("Contents", [])]


@pytest.fixture(scope="module")
def project(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = copy_project(tmp_path_factory.mktemp("profiles") / "project")
    made = Project(folder, emulator.url)
    made.sam("build")
    return made


@pytest.fixture(scope="module")
def profiles(root: Path) -> dict[str, dict[str, Any]]:
    document = tomllib.loads((root / "samconfig.toml").read_text())
    return {name: profile for name, profile in document.items() if name != "version"}


@pytest.fixture(scope="module")
def defaults(root: Path) -> dict[str, str]:
    """Return the template's parameters with their defaults."""
    parameters = parse((root / "template.yaml").read_text())["Parameters"]
    return {name: str(parameter["Default"]) for name, parameter in parameters.items()}


def test_the_profiles_are_those_that_are_tested(profiles: dict[str, dict[str, Any]]) -> None:
    assert set(profiles) == set(STACKS)


def test_profiles_differ_in_nothing_that_sam_itself_needs(profiles: dict[str, dict[str, Any]]) -> None:
    # They cannot inherit, so what is repeated is held together here.
    shared = profiles["default"]["global"]["parameters"]
    for name, profile in profiles.items():
        stack = STACKS[name]
        own = {"stack_name": stack, "s3_prefix": stack, "tags": f"automlops:stack={stack}"}
        assert {key: profile["global"]["parameters"].get(key) for key in shared} == {**shared, **own}
        assert profile["build"] == profiles["default"]["build"]


@pytest.mark.parametrize("profile", STACKS)
def test_every_profile_is_deployed_as_it_says(
    project: Project, profiles: dict[str, dict[str, Any]], defaults: dict[str, str], profile: str
) -> None:
    name = STACKS[profile]
    project.remove(name)
    project.sam("build", "--config-env", profile)
    # What a pipeline says, where nobody can be asked.
    said = project.sam("deploy", "--config-env", profile, "--no-confirm-changeset")
    assert f"Successfully created/updated stack - {name} in us-east-1" in said
    own = dict(word.split("=", 1) for word in parameter_overrides(profiles[profile]))
    assert project.parameters(name) == {**defaults, **own}
    assert {"Key": "automlops:stack", "Value": name} in project.describe(name)["Tags"]
    outputs = project.outputs(name)
    assert all(value in re.sub(r"\s", "", said) for value in outputs.values())
    function = outputs["PrepareRunFunctionName"]
    told = Clients(project.url).get("lambda").get_function_configuration(FunctionName=function)
    assert told["Environment"]["Variables"]["MAX_CONCURRENCY"] == project.parameters(name)["MaxConcurrency"]
    assert {key.split("/")[0] for key in project.packages()} >= {name}


def test_prod_asks_before_it_changes_anything(project: Project) -> None:
    project.remove("automlops-prod")
    words = (str(BIN / "sam"), "deploy", "--config-env", "prod")
    ended = subprocess.run(
        words,
        cwd=project.folder,
        env=project.environment,
        input="n\n",
        capture_output=True,
        text=True,
        timeout=PATIENCE_IN_SECONDS,
        check=False,
    )
    assert "Deploy this changeset? [y/N]" in ended.stdout
    assert project.describe("automlops-prod")["StackStatus"] == "REVIEW_IN_PROGRESS"


@pytest.fixture(scope="module")
def local(project: Project, root: Path) -> Project:
    """Return the project, its profile local deployed over the stack that `automlops up` makes."""
    before = deploy(project.url, root / "template.yaml", "automlops", {"TimeSeriesLength": "4"})
    project.sam("deploy", "--config-env", "local")
    assert project.outputs("automlops") == before
    return project


def test_the_local_profile_keeps_what_the_emulator_was_told(local: Project) -> None:
    parameters = local.parameters("automlops")
    assert (parameters["ImageUri"], parameters["TimeSeriesLength"]) == (IMAGE_URI, "4")


def test_deploying_the_same_again_says_so_and_changes_nothing(local: Project) -> None:
    before = local.describe("automlops")
    assert "No changes to deploy. Stack automlops is up to date" in local.sam("deploy", "--config-env", "local")
    assert local.describe("automlops") == before


def test_what_sam_deployed_runs(local: Project, sample: dict[str, bytes], tmp_path: Path) -> None:
    words = []
    for number, content in enumerate(sorted(sample.values(), key=len)[:2], start=1):
        file = tmp_path / f"item{number}.csv"
        file.write_bytes(content)
        words += ["--item", f"item{number}={file}"]
    out = tmp_path / "out"
    said = local.call(str(BIN / "automlops"), "run", "--stack", "automlops", *words, "--out", str(out))
    assert "verdict SUCCEEDED: 2 of 2 items succeeded" in said
    assert {path.parent.name for path in out.glob("*/*/predictions.csv")} == {"item1", "item2"}


def test_a_changed_parameter_function_and_definition_take_effect(local: Project) -> None:
    clients, outputs = Clients(local.url), local.outputs("automlops")

    def invoke() -> str:
        name = outputs["TrainingJobFunctionName"]
        payload = clients.get("lambda").invoke(FunctionName=name, Payload=b'{"item": "no-data"}')["Payload"].read()
        message: str = json.loads(payload)["errorMessage"]
        return message

    assert invoke().startswith("there is no object")
    local.edit(
        "functions/pipeline/data/input_data.py",
        'f"there is no object {uri}; upload the item',
        'f"changed: there is no object {uri}; upload the item',
    )
    local.edit(
        "statemachine/automlops.asl.json", '"Comment": "For every item', '"Comment": "Changed: for every item'
    )
    said = local.make_deploy("--env", "local", "--parameter", "MaxConcurrency=7")
    assert re.search(r"\* Modify +StateMachine ", said)
    assert invoke().startswith("changed: there is no object")
    machine = clients.get("stepfunctions").describe_state_machine(stateMachineArn=outputs["StateMachineArn"])
    assert json.loads(machine["definition"])["Comment"].startswith("Changed: for every item")
    name = outputs["PrepareRunFunctionName"]
    variables = clients.get("lambda").get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    assert (variables["MAX_CONCURRENCY"], variables["IMAGE_URI"]) == ("7", IMAGE_URI)


def test_an_image_is_deployed_beside_the_profiles_own_parameters(project: Project) -> None:
    uri = f"{IMAGE_URI.partition(':')[0]}@sha256:{64 * 'a'}"
    said = project.make_deploy(
        "--env", "prod", "--parameter", f"ImageUri={uri}", environment={**project.environment, "CI": "true"}
    )
    assert "deploying with the profile prod of samconfig.toml" in said
    parameters = project.parameters("automlops-prod")
    assert (parameters["ImageUri"], parameters["LogRetentionInDays"]) == (uri, "365")


def test_settings_of_ones_own_are_one_copied_file(project: Project, tmp_path: Path) -> None:
    copied = (project.folder / "samconfig.toml").read_text()
    mine = copied.replace(
        'stack_name = "automlops"\n',
        'stack_name = "team-a"\nregion = "eu-west-1"\nprofile = "work"\nparameter_overrides = ["TimeSeriesLength=3"]\n',
        1,
    )
    own = project.folder / "samconfig.mine.toml"
    own.write_text(mine)
    keys = "".join(f"{name.lower()} = {value}\n" for name, value in keys_of(project.url).variables.items())
    (tmp_path / "credentials").write_text(f"[work]\n{keys}")
    # A terminal that knows no key and no Region: both come from that file.
    environment = {
        name: value
        for name, value in project.environment.items()
        if name not in {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"}
    }
    environment["AWS_SHARED_CREDENTIALS_FILE"] = str(tmp_path / "credentials")
    try:
        said = project.make_deploy("--env", "dev", environment=environment)
        assert "deploying with the profile dev of samconfig.mine.toml" in said
        assert project.parameters("team-a", "eu-west-1")["TimeSeriesLength"] == "3"
    finally:
        own.unlink()


def test_deleting_removes_a_stack_and_its_packages_and_no_others(local: Project) -> None:
    local.sam("deploy", "--config-env", "staging")
    assert {key.split("/")[0] for key in local.packages()} >= {"automlops", "automlops-staging"}
    clients = Clients(local.url)
    bucket = local.outputs("automlops")["DataBucketName"]
    for name in (bucket, local.outputs("automlops")["OutputBucketName"]):
        empty(clients, name)
    assert "Deleted successfully" in local.sam("delete", "--config-env", "local", "--no-prompts")
    assert bucket not in {one["Name"] for one in clients.get("s3").list_buckets()["Buckets"]}
    names = {one["StackName"] for one in clients.get("cloudformation").describe_stacks()["Stacks"]}
    assert "automlops" not in names
    assert not [key for key in local.packages() if key.startswith("automlops/")]
    assert [key for key in local.packages() if key.startswith("automlops-staging/")]


def empty(clients: Clients, bucket: str) -> None:
    """Remove every version of every object."""
    s3 = clients.get("s3")
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for one in page.get("Versions", []) + page.get("DeleteMarkers", []):
            s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
