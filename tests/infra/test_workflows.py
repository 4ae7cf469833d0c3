"""The workflows hold no logic of their own: each line that runs is a make target, and nothing has rights to spare."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import Document

# Targets that the gate does not call: the tests that call make for them.
TESTED = {
    "build": "tests/integration/test_pipeline_roles.py",
    "bench": "tests/integration/test_pipeline_roles.py",
    "image-push": "tests/docker/test_image_push.py",
    "release": "tests/integration/test_pipeline_roles.py",
    "smoke": "tests/integration/test_pipeline_roles.py",
}
# What GitHub lets run without a version.
OWN = "./.github/workflows/"
# The action → the commit of its release, looked up in the action's repository.
ACTIONS = {
    "actions/checkout": ("3d3c42e5aac5ba805825da76410c181273ba90b1", "v7.0.1"),
    "aws-actions/configure-aws-credentials": ("e6de054238d6b7531b4efff3b6587d9aade6a06c", "v6.2.3"),
}
AWS = "aws-actions/configure-aws-credentials"
RUN = re.compile(r'make (?P<target>[a-z-]+)(?P<words>( [A-Z_]+=("\$[A-Z_]+"|[a-z-]+))*)')


def workflow_files() -> list[Path]:
    return sorted((Path(__file__).parents[2] / ".github" / "workflows").iterdir())


@pytest.fixture(scope="module")
def workflows() -> dict[str, Document]:
    """Return each workflow by its file's name."""
    # A loader without YAML 1.1's booleans: the key `on` is a word.
    return {path.name: yaml.load(path.read_text(), Loader=yaml.BaseLoader) for path in workflow_files()}  # noqa: S506


def jobs_of(workflows: dict[str, Document]) -> list[tuple[str, Document, Document]]:
    """Return name, job and workflow of every job."""
    return [
        (f"{file}:{name}", job, workflow)
        for file, workflow in workflows.items()
        for name, job in workflow["jobs"].items()
    ]


def steps_of(workflows: dict[str, Document]) -> list[tuple[str, Document, Document]]:
    """Return job's name, step and job of every step."""
    return [(name, step, job) for name, job, _ in jobs_of(workflows) for step in job.get("steps", [])]


def parsed(step: Document) -> re.Match[str]:
    found = RUN.fullmatch(step["run"])
    assert found, f"not one target of the Makefile: {step['run']}"
    return found


@pytest.fixture(scope="module")
def makefile() -> str:
    """Return the Makefile."""
    return (Path(__file__).parents[2] / "Makefile").read_text()


def recipe(makefile: str, target: str) -> str:
    """Return a target's own lines."""
    found = re.search(rf"^{target}:.*\n((?:\t.*\n)*)", makefile, re.MULTILINE)
    assert found, f"the Makefile has no target {target}"
    return found[1]


def test_there_are_a_pull_requests_a_mains_and_an_environments_workflow(workflows: dict[str, Document]) -> None:
    assert sorted(workflows) == ["deploy.yml", "main.yml", "pull-request.yml"]
    assert set(workflows["pull-request.yml"]["on"]) == {"pull_request", "workflow_call"}
    assert workflows["main.yml"]["on"] == {"push": {"branches": ["main"]}}
    assert set(workflows["deploy.yml"]["on"]) == {"workflow_call"}


def test_every_line_that_runs_is_a_target_which_is_run_here_too(
    root: Path, workflows: dict[str, Document], makefile: str
) -> None:
    gate = set(
        re.findall(r"\bmake ([a-z-]+)", "".join((root / ".ci" / name).read_text() for name in ("run", "docker")))
    )
    assert gate == {"lint", "test", "test-docker"}
    used = {parsed(step)["target"] for _, step, _ in steps_of(workflows) if "run" in step}
    assert used == gate | TESTED.keys()
    for target in used:
        assert recipe(makefile, target)
    for target, place in TESTED.items():
        calls = (root / place).read_text()
        assert '"make"' in calls, place
        assert f'"{target}"' in calls, (place, target)


def test_a_line_that_runs_gets_all_that_its_target_asks_for(workflows: dict[str, Document], makefile: str) -> None:
    """A variable counts if it is a word of the line, or in the environment and taken from there (`?=`)."""
    checked = 0
    for name, step, job in steps_of(workflows):
        if "run" not in step:
            continue
        found = parsed(step)
        environment = {**job.get("env", {}), **step.get("env", {})}
        told = dict(word.split("=", 1) for word in found["words"].split())
        for word in told.values():
            if word.startswith('"$'):
                assert word[2:-1] in environment, (name, word)
        inherited = {key for key in environment if re.search(rf"^{key} \?=", makefile, re.MULTILINE)}
        asked = set(re.findall(r"\$\(([A-Z_]+)\)", recipe(makefile, found["target"])))
        # What has a value of its own need not be told.
        asked -= {key for key in asked if re.search(rf"^{key} \??:?=[ \t]*\S", makefile, re.MULTILINE)}
        asked -= {"MAKE", "CURDIR"} | OPTIONAL
        assert asked <= told.keys() | inherited, (name, found["target"])
        spare = set(environment) - inherited - {word[2:-1] for word in told.values() if word.startswith('"$')}
        assert not {key for key in step.get("env", {}) if key in spare}, name
        checked += 1
    assert checked > 5


# Words that a target does without.
OPTIONAL = {"WRITE", "ONLY"}


def test_actions_are_pinned_by_the_commit_of_a_release() -> None:
    seen = set()
    for path in workflow_files():
        for line in re.findall(r"^\s*(?:- )?uses: (.*)$", path.read_text(), re.MULTILINE):
            if line.startswith(OWN):
                assert (path.parent / line.removeprefix(OWN)).is_file()
                continue
            action, commit, release = re.fullmatch(r"(\S+)@([0-9a-f]{40}) # (v[0-9.]+)", line).groups()  # type: ignore[union-attr]
            assert ACTIONS[action] == (commit, release)
            seen.add(action)
    assert seen == ACTIONS.keys()


def test_rights_are_given_per_job_and_no_more_than_needed(workflows: dict[str, Document]) -> None:
    for workflow in workflows.values():
        assert workflow["permissions"] == {}
    for name, job, _ in jobs_of(workflows):
        called = job.get("uses", "").removeprefix(OWN)
        inner = [workflows[called]["jobs"][key] for key in workflows[called]["jobs"]] if called else [job]
        needs_token = any(step.get("uses", "").startswith(AWS) for one in inner for step in one["steps"])
        wanted = {"contents": "read", **({"id-token": "write"} if needs_token else {})}
        assert job["permissions"] == wanted, name


def test_no_key_is_stored(workflows: dict[str, Document]) -> None:
    for path in workflow_files():
        assert "secrets" not in path.read_text(), path.name
    for _, step, _ in steps_of(workflows):
        if step.get("uses", "").startswith(AWS):
            assert {"role-to-assume", "aws-region"} <= step["with"].keys()
            assert not [key for key in step["with"] if "access-key" in key]
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"] == {"persist-credentials": "false"}


def test_nothing_that_others_write_becomes_part_of_a_command(workflows: dict[str, Document]) -> None:
    for name, step, _ in steps_of(workflows):
        assert "${{" not in step.get("run", ""), name


def test_jobs_end_and_deployments_are_neither_cut_off_nor_mixed(workflows: dict[str, Document]) -> None:
    for name, job, _ in jobs_of(workflows):
        assert "uses" in job or 0 < int(job["timeout-minutes"]) <= 120, name
    (deploy,) = workflows["deploy.yml"]["jobs"].values()
    group = {"group": "deploy-${{ inputs.environment }}", "cancel-in-progress": "false"}
    assert deploy["concurrency"] == group
    assert deploy["environment"] == "${{ inputs.environment }}"
    assert workflows["main.yml"]["concurrency"]["cancel-in-progress"] == "false"
    assert workflows["pull-request.yml"]["concurrency"]["cancel-in-progress"].startswith(
        "${{ github.event_name =="
    )


def test_one_digest_goes_from_dev_with_its_smoke_run_to_staging_to_prod(workflows: dict[str, Document]) -> None:
    jobs = workflows["main.yml"]["jobs"]
    assert list(jobs) == ["gate", "image", "dev", "staging", "prod"]
    assert [jobs[name].get("needs") for name in jobs] == [
        None,
        "gate",
        "image",
        ["image", "dev"],
        ["image", "staging"],
    ]
    for name in ("dev", "staging", "prod"):
        given: dict[str, Any] = jobs[name]["with"]
        assert given["environment"] == name
        assert given["image-uri"] == "${{ needs.image.outputs.image-uri }}"
        assert ("smoke" in given) is (name == "dev")
    assert jobs["image"]["outputs"] == {"image-uri": "${{ steps.push.outputs.image_uri }}"}
    assert "environment" not in jobs["image"], "its subject would not be the branch"


def test_variables_are_those_that_bootstrap_prints(root: Path) -> None:
    text = (root / "bootstrap.yaml").read_text()
    outputs = yaml.load(text.partition("\nOutputs:\n")[2].replace("!", ""), Loader=yaml.BaseLoader)  # noqa: S506
    printed = {output["Description"] for output in outputs.values()}
    used = {name for path in workflow_files() for name in re.findall(r"\bvars\.([A-Z_]+)", path.read_text())}
    assert used == printed


def test_a_smoke_run_has_credentials_as_long_as_it_may_take(root: Path, workflows: dict[str, Document]) -> None:
    (told,) = [
        int(step["with"]["role-duration-seconds"])
        for _, step, _ in steps_of(workflows)
        if "SMOKE_ROLE_ARN" in str(step.get("with"))
    ]
    assert f"MaxSessionDuration: {told}" in (root / "bootstrap.yaml").read_text()
    (deploy,) = workflows["deploy.yml"]["jobs"].values()
    assert int(deploy["timeout-minutes"]) * 60 <= told
