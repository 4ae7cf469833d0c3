"""The artifact is data that is checked when loaded, and every request line gets its answer or its reason."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest

from next_purchase.artifact import TrainedModel, load_artifact
from next_purchase.errors import ArtifactError
from next_purchase.sagemaker_contract import ContainerPaths
from next_purchase.serving import create_application
from next_purchase.training import train
from tests.unit.container.retail_data import make_shop, write_lines

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient

HEADER = "CustomerID,last_order_date,predicted_days,predicted_date"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> ContainerPaths:
    paths = ContainerPaths(tmp_path_factory.mktemp("trained"))
    write_lines(paths.channel("training") / "Online_Retail.csv", make_shop(customers=150))
    train(paths, {})
    return paths


@pytest.fixture(scope="module")
def loaded(trained: ContainerPaths) -> TrainedModel:
    return load_artifact(trained.model)


@pytest.fixture
def client(loaded: TrainedModel) -> FlaskClient:
    return create_application(loaded, workers=3).test_client()


@pytest.fixture(scope="module")
def sample(trained: ContainerPaths) -> str:
    return (trained.output_data / "sample_prediction.csv").read_text(encoding="utf-8")


def _ask(client: FlaskClient, body: str | bytes) -> str:
    answer = client.post("/invocations", data=body, content_type="text/csv")
    assert answer.status_code == HTTPStatus.OK, answer.text
    return answer.text


def test_the_trees_were_learned_and_judged(trained: ContainerPaths) -> None:
    metrics = json.loads((trained.model / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["model_backend"] == "lightgbm"
    assert metrics["customers"] == 150
    assert 0 < metrics["baseline_mean_absolute_error"] < 5
    assert 0 < metrics["mean_absolute_error"] < 5
    assert (trained.output_data / "metrics.json").read_bytes() == (trained.model / "metrics.json").read_bytes()


def test_equal_data_and_seed_give_equal_files(trained: ContainerPaths, tmp_path: Path) -> None:
    again = ContainerPaths(tmp_path)
    write_lines(again.channel("training") / "Online_Retail.csv", make_shop(customers=150))
    train(again, {})
    for name in ("model.txt", "model.json", "metrics.json"):
        assert (again.model / name).read_bytes() == (trained.model / name).read_bytes()


def test_the_artifact_holds_neither_code_nor_customers(trained: ContainerPaths) -> None:
    assert sorted(path.name for path in trained.model.iterdir()) == ["metrics.json", "model.json", "model.txt"]
    customers = [str(number) for number in range(12_000, 12_150)]
    for path in trained.model.iterdir():
        content = path.read_text(encoding="utf-8")  # a pickle is not text
        words = set(content.replace('"', " ").replace("=", " ").replace(",", " ").split())
        assert not words.intersection(customers)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"schema_version": 99}, "schema version 99, this image reads 1", id="other-version"),
        pytest.param({"schema_version": None}, "schema version None", id="no-version"),
        pytest.param({"features": ["age"]}, "other features", id="other-features"),
        pytest.param({"backend": "forest"}, "made by 'forest'; this image has lightgbm", id="other-learner"),
        pytest.param({"time_series_length": "5"}, "no usable time_series_length: '5'", id="wrong-type"),
    ],
)
def test_a_foreign_description_is_refused(
    trained: ContainerPaths, tmp_path: Path, change: dict[str, object], said: str
) -> None:
    description = json.loads((trained.model / "model.json").read_text(encoding="utf-8"))
    (tmp_path / "model.json").write_text(json.dumps(description | change), encoding="utf-8")
    (tmp_path / "model.txt").write_bytes((trained.model / "model.txt").read_bytes())
    with pytest.raises(ArtifactError, match=said):
        load_artifact(tmp_path)


@pytest.mark.parametrize(("missing", "name"), [("model.txt", "model.txt"), ("model.json", "model.json")])
def test_a_missing_file_is_named(trained: ContainerPaths, tmp_path: Path, missing: str, name: str) -> None:
    for path in trained.model.iterdir():
        if path.name != missing:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(ArtifactError, match=f"has no {name}"):
        load_artifact(tmp_path)


def test_a_cut_model_text_is_refused(trained: ContainerPaths, tmp_path: Path) -> None:
    (tmp_path / "model.json").write_bytes((trained.model / "model.json").read_bytes())
    (tmp_path / "model.txt").write_bytes((trained.model / "model.txt").read_bytes()[:2000])
    with pytest.raises(ArtifactError, match="damaged"):
        load_artifact(tmp_path)


def test_every_line_is_answered_in_order(client: FlaskClient, sample: str) -> None:
    answer = _ask(client, sample)
    assert answer.endswith("\n")
    lines = answer.splitlines()
    assert lines[0] == HEADER
    assert [line.split(",")[:2] for line in lines] == [line.split(",")[:2] for line in sample.splitlines()]
    days = [float(line.split(",")[2]) for line in lines[1:]]
    assert min(days) >= 1
    assert len(set(days)) > 20


@pytest.mark.parametrize("seed", range(5))
def test_any_cut_at_line_ends_gives_the_same_lines(client: FlaskClient, sample: str, seed: int) -> None:
    whole = _ask(client, sample)
    chance = random.Random(seed)  # noqa: S311 - test data
    lines = sample.splitlines(keepends=True)
    parts = []
    while lines:
        size = chance.randrange(1, 40)
        parts.append("".join(lines[:size]))
        lines = lines[size:]
    assert "".join(_ask(client, part) for part in parts) == whole


def test_a_header_alone_gives_a_header_alone(client: FlaskClient, sample: str) -> None:
    assert _ask(client, sample.partition("\n")[0]) == HEADER + "\n"


def test_windows_line_ends_byte_order_mark_and_no_last_line_end_change_nothing(
    client: FlaskClient, sample: str
) -> None:
    body = b"\xef\xbb\xbf" + sample.removesuffix("\n").replace("\n", "\r\n").encode()
    assert _ask(client, body) == _ask(client, sample)


def test_ids_are_given_back_as_they_came(client: FlaskClient, sample: str) -> None:
    rest = sample.splitlines()[1].partition(",")[2]
    ids = ["007", '"Ä, B"', "1" * 200, "17850.0"]
    answer = _ask(client, "".join(f"{name},{rest}\n" for name in ids))
    assert [line.rsplit(",", 3)[0] for line in answer.splitlines()] == ids


def _with(sample: str, column: int, value: str) -> str:
    lines = sample.splitlines()[:6]
    fields = lines[3].split(",")
    fields[column] = value
    return "\n".join([*lines[:3], ",".join(fields), *lines[4:]])


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        pytest.param(2, "soon", "Line 4, column gap_1: 'soon' is not a number.", id="word"),
        pytest.param(2, "inf", "Line 4, column gap_1: 'inf' is not a number.", id="infinity"),
        pytest.param(11, "", "Line 4, column orders: '' is not a number.", id="empty"),
        pytest.param(1, "2011-13-01", "Line 4, column last_order_date: '2011-13-01' is not a date", id="date"),
        pytest.param(0, " ", "Line 4, column CustomerID: ' ' is not a customer.", id="no-customer"),
        pytest.param(19, "1,2", "Line 4: 21 fields, but there are 20 columns", id="field-too-many"),
        pytest.param(0, '"a', "Line 4: ", id="open-quote"),
    ],
)
def test_a_bad_line_is_named_with_its_column(
    client: FlaskClient, sample: str, column: int, value: str, said: str
) -> None:
    answer = client.post("/invocations", data=_with(sample, column, value), content_type="text/csv")
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert answer.text.startswith(said)


@pytest.mark.parametrize("place", [1, 3, 6])
def test_a_blank_or_cut_line_is_refused(client: FlaskClient, sample: str, place: int) -> None:
    lines = sample.splitlines()[:6]
    for wrong in ("", "12000,2011-01-01,1.0"):
        body = "\n".join([*lines[:place], wrong, *lines[place:], ""])
        answer = client.post("/invocations", data=body, content_type="text/csv")
        assert (answer.status_code, answer.text[:7]) == (HTTPStatus.BAD_REQUEST, f"Line {place + 1}:")


def test_a_file_of_another_training_is_refused(client: FlaskClient, sample: str) -> None:
    answer = client.post("/invocations", data=sample.replace("gap_5,", ""), content_type="text/csv")
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert "another training" in answer.text


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        pytest.param({"Content-Type": "text/csv"}, b"", HTTPStatus.NO_CONTENT, id="empty"),
        pytest.param({"Content-Type": "text/csv"}, b"\n \r\n", HTTPStatus.NO_CONTENT, id="blank"),
        pytest.param({"Content-Type": "image/png"}, b"a", HTTPStatus.UNSUPPORTED_MEDIA_TYPE, id="wrong-type"),
        pytest.param({}, b"a", HTTPStatus.UNSUPPORTED_MEDIA_TYPE, id="no-type"),
        pytest.param(
            {"Content-Type": "text/csv", "Accept": "application/json"},
            b"a",
            HTTPStatus.NOT_ACCEPTABLE,
            id="wrong-accept",
        ),
        pytest.param({"Content-Type": "text/csv"}, b"\xff\xfe", HTTPStatus.BAD_REQUEST, id="not-utf-8"),
    ],
)
def test_each_wrong_request_has_its_own_status(
    client: FlaskClient, headers: dict[str, str], body: bytes, status: HTTPStatus
) -> None:
    assert client.post("/invocations", data=body, headers=headers).status_code == status


@pytest.mark.parametrize("accept", ["text/csv", "*/*", "text/*;q=0.5", "application/json, text/csv;q=0.1"])
def test_any_accept_that_allows_csv_gets_csv(client: FlaskClient, sample: str, accept: str) -> None:
    headers = {"Accept": accept, "Content-Type": "text/csv; charset=utf-8"}
    answer = client.post("/invocations", data=sample, headers=headers)
    assert (answer.status_code, answer.mimetype) == (HTTPStatus.OK, "text/csv")


def test_health_and_batch_parameters(client: FlaskClient) -> None:
    assert client.get("/ping").status_code == HTTPStatus.OK
    assert client.get("/execution-parameters").json == {
        "MaxConcurrentTransforms": 3,
        "BatchStrategy": "MULTI_RECORD",
        "MaxPayloadInMB": 6,
    }


def test_the_server_imports_nothing_of_training_and_no_polars_before_the_fork() -> None:
    code = (
        "import sys, next_purchase.server;"
        "print(*sorted(set(sys.modules) & {'next_purchase.training', 'next_purchase.transactions',"
        "'next_purchase.features', 'polars', 'boto3', 'pandas', 'sklearn'}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, 'container'); {code}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert run.stdout.strip() == ""
