"""`make image-push`: a commit's image goes to the repository once, and its digest is what the stack is given."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.project_copy import copy_ready_project

from .engine import DOCKER, EngineError, docker, require_engine

PLAIN = "application/vnd.docker.distribution.manifest.v2+json"
LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
CONFIGURATION = """
version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: "{address}"}}
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a registry on this machine."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("there is no docker-registry (Debian's package of that name)")
    try:
        require_engine()
    except EngineError as error:
        pytest.skip(f"no Docker engine: {error}")
    folder = tmp_path_factory.mktemp("registry")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    (folder / "config.yml").write_text(CONFIGURATION.format(folder=folder / "data", address=address))
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([program, "serve", folder / "config.yml"], stdout=log, stderr=log)
    try:
        host, port = address.split(":")
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection((host, int(port)), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=10)


class Checkout:
    """A repository of git with the project in it, and a stand-in for what makes the image."""

    def __init__(self, folder: Path, repository: str) -> None:
        self.repository = repository
        self.folder = copy_ready_project(folder / "checkout", "container")
        self.made = folder / "made"
        content = folder / "content"
        content.mkdir()
        (content / "hello").write_text("hello\n")
        self.make = folder / "make"
        self.make.write_text(
            f'#!/bin/sh\nset -e\necho "$@" >> {self.made}\nfor word; do :; done\n'
            f'tar -C {content} -c . | {DOCKER} import - "${{word#IMAGE=}}"\n'
        )
        self.make.chmod(0o755)
        self.git("init", "--quiet")
        self.commit("first")

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            ["git", *identity, *arguments], cwd=self.folder, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, message: str) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def push(self, repository: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        return self.call("container/push", repository or self.repository, str(self.make), **environment)

    def call(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        names = {"GITHUB_OUTPUT": "", "OUT": "", "DOCKER": DOCKER}
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, **names, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def times_made(self) -> int:
        return len(self.made.read_text().splitlines()) if self.made.exists() else 0


@pytest.fixture
def checkout(tmp_path: Path, registry: str) -> Iterator[Checkout]:
    """Return a clean checkout with one commit."""
    found = Checkout(tmp_path, f"{registry}/{tmp_path.name.replace('_', '-').lower()}")
    yield found
    names = docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", found.repository).splitlines()
    if names:
        docker("image", "rm", "--force", *names)


def manifest(address: str, name: str, reference: str) -> tuple[dict[str, Any], str, str]:
    """Return a manifest as the registry has it, its media type and digest."""
    request = urllib.request.Request(
        f"http://{address}/v2/{name}/manifests/{reference}",
        headers={"Accept": f"{PLAIN}, {LIST}, application/vnd.oci.image.index.v1+json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - the registry of this test
        headers = answer.headers
        return json.load(answer), headers["Content-Type"], headers["Docker-Content-Digest"]


def tags(address: str, name: str) -> list[str]:
    with urllib.request.urlopen(f"http://{address}/v2/{name}/tags/list", timeout=10) as answer:
        found: list[str] = json.load(answer)["tags"]
        return found


def test_make_has_the_image_built_and_tested_and_tells_its_uri(checkout: Checkout) -> None:
    # The recipe's own make is what would build and test the image.
    words = ["image-push", f"REPOSITORY={checkout.repository}", f"MAKE={checkout.make}"]
    done = checkout.call("make", "--silent", *words)
    assert done.returncode == 0, done.stderr
    commit = checkout.git("rev-parse", "HEAD")
    assert checkout.made.read_text() == f"image image-test IMAGE={checkout.repository}:{commit}\n"
    assert re.fullmatch(rf"{checkout.repository}@sha256:[0-9a-f]{{64}}\n", done.stdout)


def test_an_image_is_pushed_by_commit_and_told_by_digest(
    checkout: Checkout, tmp_path: Path, registry: str
) -> None:
    done = checkout.push(OUT=str(tmp_path / "uri"), GITHUB_OUTPUT=str(tmp_path / "output"))
    assert done.returncode == 0, done.stderr
    name = checkout.repository.removeprefix(f"{registry}/")
    commit = checkout.git("rev-parse", "HEAD")
    content, kind, digest = manifest(registry, name, commit)
    assert done.stdout == f"{checkout.repository}@{digest}\n"
    assert (tmp_path / "uri").read_text() == done.stdout
    assert (tmp_path / "output").read_text() == f"image_uri={done.stdout}"
    assert tags(registry, name) == [commit]
    assert kind == PLAIN
    assert "manifests" not in content
    assert docker("pull", "--quiet", done.stdout.strip())


def test_a_commit_is_made_and_pushed_once(checkout: Checkout) -> None:
    first = checkout.push()
    assert first.returncode == 0, first.stderr
    docker("image", "rm", "--force", f"{checkout.repository}:{checkout.git('rev-parse', 'HEAD')}")
    again = checkout.push()
    assert again.stdout == first.stdout
    assert checkout.times_made() == 1
    assert "is there already" in again.stderr


def test_another_commit_is_another_image(checkout: Checkout, registry: str) -> None:
    assert checkout.push().returncode == 0
    checkout.commit("second")
    done = checkout.push()
    assert done.returncode == 0, done.stderr
    assert checkout.times_made() == 2
    assert len(tags(registry, checkout.repository.removeprefix(f"{registry}/"))) == 2


def test_changes_that_are_not_committed_are_refused(checkout: Checkout) -> None:
    (checkout.folder / "new").write_text("x")
    done = checkout.push()
    assert done.returncode == 1
    assert "commit them" in done.stderr
    assert checkout.times_made() == 0


def test_an_image_that_could_not_be_made_is_not_pushed(checkout: Checkout) -> None:
    checkout.make.write_text("#!/bin/sh\nexit 7\n")
    done = checkout.push()
    assert done.returncode == 7
    assert done.stdout == ""


def test_a_registry_that_does_not_answer_is_no_reason_to_make_an_image(checkout: Checkout) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    done = checkout.push(f"127.0.0.1:{port}/image")
    assert done.returncode == 1
    assert "refused" in done.stderr
    assert checkout.times_made() == 0


def test_a_list_of_images_is_refused(checkout: Checkout, registry: str) -> None:
    assert checkout.push().returncode == 0
    name = checkout.repository.removeprefix(f"{registry}/")
    content, _, digest = manifest(registry, name, checkout.git("rev-parse", "HEAD"))
    entry = {"mediaType": PLAIN, "digest": digest, "size": len(json.dumps(content))}
    platform = {"os": "linux", "architecture": "amd64"}
    body = {"schemaVersion": 2, "mediaType": LIST, "manifests": [{**entry, "platform": platform}]}
    request = urllib.request.Request(
        f"http://{registry}/v2/{name}/manifests/{checkout.commit('second')}",
        data=json.dumps(body).encode(),
        headers={"Content-Type": LIST},
        method="PUT",
    )
    urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - the registry of this test
    done = checkout.push()
    assert done.returncode == 1
    assert "SageMaker does not take this image: it is a list" in done.stderr
    assert done.stdout == ""


def test_a_descriptor_with_ocis_media_type_is_refused_before_it_takes_the_tag(
    checkout: Checkout, tmp_path: Path
) -> None:
    """Engines with containerd's image store tell the media type; SageMaker takes Docker's only."""
    told = [{"Descriptor": {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "sha256:0"}}]
    stand_in = tmp_path / "docker"
    stand_in.write_text(
        f'#!/bin/sh\ncase "$1 $2" in "image inspect") echo \'{json.dumps(told)}\' ;;'
        f' push*) touch {tmp_path / "pushed"} ;; *) exec {DOCKER} "$@" ;; esac\n'
    )
    stand_in.chmod(0o755)
    done = checkout.push(DOCKER=str(stand_in))
    assert done.returncode == 1
    assert "oci.image.manifest" in done.stderr
    assert not (tmp_path / "pushed").exists()


def test_only_ecr_is_logged_in_to(checkout: Checkout, tmp_path: Path) -> None:
    """The registry's Region comes from its address; the password never stands on a command line."""
    log = tmp_path / "log"
    for name, body in {
        "docker": f'echo "docker $*" >> {log}; case $1 in login) cat >> {log} ;; esac; '
        'case "$1" in manifest) echo "no such manifest: x" >&2; exit 1 ;; esac',
        "aws": f'echo "aws $*" >> {log}; echo a-password',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    checkout.make.write_text("#!/bin/sh\nexit 7\n")
    uri = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/automlops"
    done = checkout.push(uri, DOCKER=str(tmp_path / "docker"), AWS=str(tmp_path / "aws"))
    assert done.returncode == 7
    lines = log.read_text().splitlines()
    assert sorted(lines[:3]) == [
        "a-password",
        "aws ecr get-login-password --region eu-west-1",
        "docker login --username AWS --password-stdin 123456789012.dkr.ecr.eu-west-1.amazonaws.com",
    ]
    assert lines[3].startswith(f"docker manifest inspect --verbose {uri}:")
