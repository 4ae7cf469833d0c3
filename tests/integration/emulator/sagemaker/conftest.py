"""A running emulator with throw-away algorithms in place of images, and what a test needs to use it."""

from __future__ import annotations

import io
import itertools
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulator import sagemaker
from emulator.account.plan import Account
from emulator.account.played import PlayedAccount
from emulator.endpoint import Clients
from emulator.sagemaker.limits import Limits
from emulator.server import Emulator

BUCKET = "bucket"
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
ENDED = {"Completed", "Failed", "Stopped"}

# Each knows only SAGEMAKER_BASE_DIR unless its name says otherwise.
HEAD = """
import json, os, pathlib, signal, sys, time
ml = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
role = sys.argv[1]
settings = ml / "input/config/hyperparameters.json"
hyper = json.loads(settings.read_text()) if settings.exists() else {}
"""
SERVER = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments): pass

    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/ping":
            self.answer(int(os.environ.get("PING_STATUS", "200")))
        elif self.path == "/execution-parameters" and "PARAMETERS" in os.environ:
            self.answer(200, os.environ["PARAMETERS"].encode())
        else:
            self.answer(404)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        # One write: lines of several threads must not mix.
        os.write(1, f"request {len(body)} {self.headers['Content-Type']} {self.headers['Accept']}\\n".encode())
        respond(self, body)

def serve(port):
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    server.serve_forever()
"""
ALGORITHMS = {
    # Reports all it sees as its model.
    "good": """
if role == "train":
    seen = {
        "files": {str(p.relative_to(ml)): p.read_text() for p in sorted((ml / "input").rglob("*")) if p.is_file()},
        "environment": dict(os.environ), "folder": os.getcwd(),
        "checkpoints": sorted(p.name for p in (ml / "checkpoints").glob("*")),
    }
    (ml / "model/seen.json").write_text(json.dumps(seen))
    (ml / "output/data/report.txt").write_text("fine")
    if (ml / "checkpoints").exists():
        (ml / "checkpoints/2.txt").write_text("second")
    print("epoch 1 loss=0.5;")
    print("epoch 2 loss=0.25;")
""",
    "empty-handed": "print('nothing to save')",
    "failing": """
(ml / "model/half.bin").write_text("half")
(ml / "output/data/report.txt").write_text("what went wrong")
(ml / "output/failure").write_text(hyper.get("failure", "ValueError: column Quantity is missing"))
sys.exit(3)
""",
    "killed": "os.kill(os.getpid(), signal.SIGKILL)",
    "saves-when-told": """
def save(*_):
    (ml / "model/last.txt").write_text("saved in time")
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
print("ready", flush=True)
time.sleep(600)
""",
    # Counts, keeps how far it came, and goes on from there.
    "counts-on": """
kept = ml / "checkpoints/steps.txt"
steps = int(kept.read_text()) if kept.exists() else 0
print("began at", steps, flush=True)
def keep(*_):
    kept.write_text(str(steps))
    sys.exit(143)
signal.signal(signal.SIGTERM, keep)
while steps < int(hyper["steps"]):
    steps += 1
    print("step", steps, flush=True)
    time.sleep(0.05)
""",
    "deaf": """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
(ml / "model/first.txt").write_text("there")
if os.fork() == 0:
    (ml / "child").write_text("x")
else:
    print("pid", os.getpid(), flush=True)
time.sleep(600)
""",
    "endless": """
line = b"x" * 200 + b"\\n"
end = time.time() + float(hyper.get("seconds", 600))
while time.time() < end:
    os.write(1, line * 100)
print("the last word")
""",
    "no-line-end": "os.write(1, b'y' * 5_000_000)",
    "knows-only-opt-ml": """
seen = pathlib.Path("/opt/ml/input/data/training/a.csv").read_text()
pathlib.Path("/opt/ml/model/seen.txt").write_text(seen + ",".join(sorted(os.listdir("/opt"))))
""",
    "echo": SERVER
    + """
def respond(handler, body):
    handler.answer(200, body)
serve(int(os.environ["SAGEMAKER_BIND_TO_PORT"]))
""",
    # Doubles numbers, answers slower the sooner a request came, and leaves out the last newline.
    "doubling": SERVER
    + """
def respond(handler, body):
    numbers = [int(n) for n in body.split()]
    time.sleep(0.0005 * (100 - numbers[0] % 100))
    handler.answer(200, "\\n".join(str(2 * n) for n in numbers).encode())
serve(int(os.environ["SAGEMAKER_BIND_TO_PORT"]))
""",
    "tells-model-and-environment": SERVER
    + """
def respond(handler, body):
    model = sorted(str(p.relative_to(ml / "model")) for p in (ml / "model").rglob("*") if p.is_file())
    handler.answer(200, json.dumps({"model": model, "environment": dict(os.environ)}).encode())
serve(int(os.environ["SAGEMAKER_BIND_TO_PORT"]))
""",
    # The word in a line decides.
    "picky": SERVER
    + """
def respond(handler, body):
    for word, status in ((b"teapot", 418), (b"broken", 500)):
        if word in body:
            return handler.answer(status, b"cannot do " + word + b"\\nsecond line")
    if b"hang" in body:
        time.sleep(600)
    if b"die" in body:
        os._exit(1)
    handler.answer(200, body)
serve(int(os.environ["SAGEMAKER_BIND_TO_PORT"]))
""",
    "fixed-port": SERVER
    + """
def respond(handler, body):
    time.sleep(0.3)
    handler.answer(200, body)
serve(8080)
""",
    # Tells what it gets from S3 and from a name that nobody has.
    "reaching-out": SERVER
    + """
import boto3, urllib.request

def ask(what):
    try:
        return str(what())
    except Exception as error:
        return type(error).__name__ if "boto" in type(error).__module__ else str(error)

def reached():
    return {
        "S3": ask(lambda: [b["Name"] for b in boto3.client("s3", region_name="us-east-1").list_buckets()["Buckets"]]),
        "web": ask(lambda: urllib.request.urlopen("http://nobody.invalid/", timeout=5)),
    }

def respond(handler, body):
    handler.answer(200, json.dumps(reached()).encode())

if role == "train":
    data = (ml / "input/data/training/a.csv").read_text()
    (ml / "model/reached.json").write_text(json.dumps(reached() | {"data": data}))
else:
    serve(int(os.environ["SAGEMAKER_BIND_TO_PORT"]))
""",
    "cannot-serve": "print('no model here'); sys.exit(1)",
    "deaf-server": "time.sleep(600)",
}


class Bench:
    """Clients of a running emulator and requests that are right but for what a test changes."""

    def __init__(self, emulator: Emulator) -> None:
        clients = Clients(emulator.url)
        self.work_dir = emulator.settings.work_dir
        self.s3 = clients.get("s3")
        self.sagemaker = clients.get("sagemaker")
        self.logs = clients.get("logs")
        self._numbers = itertools.count(1)
        self.s3.create_bucket(Bucket=BUCKET)

    def name(self, word: str = "job") -> str:
        """Return a name that was never used."""
        return f"{word}-{next(self._numbers)}"

    def put(self, key: str, content: bytes | str) -> str:
        """Store an object; answers its URI."""
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=content)
        return f"s3://{BUCKET}/{key}"

    def get(self, uri: str) -> bytes:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        content: bytes = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return content

    def keys(self, prefix: str) -> list[str]:
        """Keys below a prefix, without it."""
        found = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return [entry["Key"].removeprefix(prefix) for entry in found]

    def unpacked(self, uri: str) -> dict[str, str]:
        """Names and contents in a tar.gz."""
        with tarfile.open(fileobj=io.BytesIO(self.get(uri)), mode="r:gz") as tar:
            found = {}
            for member in tar.getmembers():
                file = tar.extractfile(member)
                found[member.name] = file.read().decode() if file else ""
            return found

    def training_request(self, algorithm: str = "good", **changes: Any) -> dict[str, Any]:
        """Return a CreateTrainingJob request; `changes` replace members, None takes one out."""
        request = {
            "TrainingJobName": self.name("train"),
            "AlgorithmSpecification": {
                "TrainingImage": f"registry.test/{algorithm}:1",
                "TrainingInputMode": "File",
            },
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        }
        request |= changes
        return {name: value for name, value in request.items() if value is not None}

    def channel(self, uri: str, name: str = "training", **members: Any) -> dict[str, Any]:
        source = {"S3DataType": "S3Prefix", "S3Uri": uri}
        return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **members}

    @staticmethod
    def refusal(call: Any, **request: Any) -> tuple[str, str]:
        """Code and message with which a call is refused."""
        with pytest.raises(ClientError) as caught:
            call(**request)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]

    def train(self, algorithm: str = "good", **changes: Any) -> dict[str, Any]:
        """Run a training job to its end; answers its description."""
        request = self.training_request(algorithm, **changes)
        self.sagemaker.create_training_job(**request)
        return self.wait_training(request["TrainingJobName"])

    def wait_training(self, name: str, statuses: set[str] = ENDED, seconds: float = 30) -> dict[str, Any]:
        return self._wait("TrainingJob", name, statuses, seconds)

    def model(self, algorithm: str = "echo", **container: Any) -> str:
        """Make a model; answers its name."""
        name = self.name("model")
        definition = {"Image": f"registry.test/{algorithm}:1", **container}
        self.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=definition)
        return name

    def transform_request(self, model: str, uri: str, **changes: Any) -> dict[str, Any]:
        """Return a CreateTransformJob request for lines of text; `split`, `accept` and others are inner members."""
        name = self.name("transform")
        source: dict[str, Any] = {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}}
        source |= {
            "ContentType": "text/csv",
            "SplitType": changes.pop("split", "Line"),
            **changes.pop("source", {}),
        }
        output = {"S3OutputPath": f"s3://{BUCKET}/out/{name}", "Accept": "text/csv", **changes.pop("output", {})}
        return {
            "TransformJobName": name,
            "ModelName": model,
            "TransformInput": source,
            "TransformOutput": output,
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
            **changes,
        }

    def transform(self, model: str, uri: str, **changes: Any) -> dict[str, Any]:
        """Run a transform job to its end; answers its description."""
        request = self.transform_request(model, uri, **changes)
        self.sagemaker.create_transform_job(**request)
        return self.wait_transform(request["TransformJobName"])

    def wait_transform(self, name: str, statuses: set[str] = ENDED, seconds: float = 30) -> dict[str, Any]:
        return self._wait("TransformJob", name, statuses, seconds)

    def log_lines(self, group: str, job: str, *, data_log: bool = False) -> list[str]:
        """Return what a job logged so far."""
        streams = self.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{job}/")["logStreams"]
        names = [s["logStreamName"] for s in streams if s["logStreamName"].endswith("/data-log") == data_log]
        assert len(names) == 1
        found: list[str] = []
        token: dict[str, str] = {}
        while True:
            page = self.logs.get_log_events(
                logGroupName=group, logStreamName=names[0], startFromHead=True, limit=10_000, **token
            )
            if not page["events"]:
                return found
            found += [event["message"] for event in page["events"]]
            token = {"nextToken": page["nextForwardToken"]}

    def wait_for_line(self, group: str, job: str, start: str, seconds: float = 20) -> str:
        """Return the first logged line that starts so."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                lines = self.log_lines(group, job)
            except (ClientError, AssertionError):
                lines = []
            if found := next((line for line in lines if line.startswith(start)), None):
                return found
            time.sleep(0.05)
        raise AssertionError(f"{job} never logged {start!r}")

    def _wait(self, kind: str, name: str, statuses: set[str], seconds: float) -> dict[str, Any]:
        describe = getattr(self.sagemaker, f"describe_{'training' if kind == 'TrainingJob' else 'transform'}_job")
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            job: dict[str, Any] = describe(**{f"{kind}Name": name})
            if job[f"{kind}Status"] in statuses:
                return job
            time.sleep(0.05)
        raise AssertionError(f"{name} is still {job[f'{kind}Status']} after {seconds} s")


@pytest.fixture(scope="module")
def algorithms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Images as the emulator is told them."""
    folder: Path = tmp_path_factory.mktemp("algorithms")
    images = {"registry.test/missing": [str(folder / "is-not-there")]}
    for name, body in ALGORITHMS.items():
        script = folder / f"{name}.py"
        script.write_text(HEAD + body)
        images[f"registry.test/{name}"] = [sys.executable, str(script)]
    return images


@pytest.fixture(scope="module")
def limits() -> Limits:
    """Bounds a test can wait for."""
    return Limits(stop_grace=1.0, health_check=3.0, log_lines=500, log_tail_lines=20)


@pytest.fixture(scope="module")
def account() -> Account:
    """One without limits and faults."""
    return Account()


@pytest.fixture(scope="module")
def bench(algorithms: dict[str, list[str]], limits: Limits, account: Account) -> Iterator[Bench]:
    with Emulator(images=algorithms, conditions=PlayedAccount(account)) as emulator:
        sagemaker.install(emulator.settings, limits)
        yield Bench(emulator)
