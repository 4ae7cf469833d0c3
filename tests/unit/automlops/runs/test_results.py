"""A run's results, copied and shown."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from automlops.aws.stored_runs import parse_manifest
from automlops.errors import CommandError, CopyError, ExitCode, RunBrokenError
from automlops.runs.report import print_table
from automlops.runs.results import fetch_results, results_folder
from pipeline.manifest import Manifest

RUN_ID = "20260102T030405007Z-night"


def an_item(name: str, status: str = "SUCCEEDED", **more: Any) -> dict[str, Any]:
    uri = f"s3://output/analysis_predicted_out/{name}/{RUN_ID}/sample_prediction.csv.out"
    return {
        "index": 0,
        "item": name,
        "status": status,
        "stage": "RecordSuccess",
        "reason": None,
        "predictionsUri": uri if status == "SUCCEEDED" else None,
        "metrics": {
            "customers": 1234,
            "mean_absolute_error": 12.34,
            "baseline_mean_absolute_error": 20,
            "model_backend": "mbg_nbd+weibull",
        },
        "durationSeconds": 61.4,
        **more,
    }


def a_manifest(*items: dict[str, Any], verdict: str = "SUCCEEDED") -> bytes:
    counts = {"total": len(items), "succeeded": 1, "failed": len(items) - 1, "unfinished": 0}
    return json.dumps({"runId": RUN_ID, "verdict": verdict, "counts": counts, "items": items}).encode()


class Bucket:
    """Stands for an S3 client over objects held here."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        self.objects = objects

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        """Return the object, or S3's error."""
        assert Bucket == "output"
        if Key not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": "none"}}, "GetObject")
        return {"Body": io.BytesIO(self.objects[Key])}

    def download_file(self, bucket: str, key: str, filename: str) -> None:
        """Write the object, or raise as S3's HEAD does."""
        assert bucket == "output"
        if key not in self.objects:
            raise ClientError({"Error": {"Code": "404", "Message": "Not Found"}}, "HeadObject")
        Path(filename).write_bytes(self.objects[key])

    def get_paginator(self, _call: str) -> Bucket:
        """Return this client, which pages as well."""
        return self

    def paginate(self, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:  # noqa: N803 - boto3's names
        """Return a page for each object."""
        assert Bucket == "output"
        for key in self.objects:
            if key.startswith(Prefix):
                yield {"Contents": [{"Key": key}]}


def fetch(objects: dict[str, bytes], out: Path) -> Any:
    # A stand-in of four methods for a client of hundreds.
    client: Any = Bucket(objects)
    return fetch_results(client, "output", RUN_ID, out, lambda _manifest: None)


def predictions_key(item: str) -> str:
    return f"analysis_predicted_out/{item}/{RUN_ID}/sample_prediction.csv.out"


def test_manifest_and_predictions_are_copied_under_safe_names(tmp_path: Path) -> None:
    content = a_manifest(an_item("United Kingdom"), an_item("manifest.json"), an_item("bad", "FAILED"))
    objects = {
        f"runs/{RUN_ID}/manifest.json": content,
        predictions_key("United Kingdom"): b"CustomerID\n1\n",
        predictions_key("manifest.json"): b"CustomerID\n2\n",
    }
    results = fetch(objects, tmp_path)
    folder = tmp_path / RUN_ID
    assert (folder / "manifest.json").read_bytes() == content
    assert (folder / "United Kingdom" / "predictions.csv").read_bytes() == b"CustomerID\n1\n"
    [unlucky] = results.predictions["manifest.json"]
    assert unlucky.read_bytes() == b"CustomerID\n2\n"
    assert set(results.predictions) == {"United Kingdom", "manifest.json"}
    assert not results.problems


def test_folder_of_predictions_is_copied_whole_and_stays_inside(tmp_path: Path) -> None:
    folder = "analysis_predicted_out/a/x/"
    objects = {
        f"runs/{RUN_ID}/manifest.json": a_manifest(an_item("a", predictionsUri=f"s3://output/{folder}")),
        f"{folder}1.csv.out": b"1",
        f"{folder}../../../2.csv.out": b"2",
        f"{folder}sub/": b"",
    }
    results = fetch(objects, tmp_path)
    inside = tmp_path / RUN_ID / "a"
    assert sorted(results.predictions["a"]) == [inside / "1.csv.out", inside / "2.csv.out"]


def test_predictions_that_are_gone_are_told_and_the_others_copied(tmp_path: Path) -> None:
    objects = {
        f"runs/{RUN_ID}/manifest.json": a_manifest(an_item("a"), an_item("b")),
        predictions_key("b"): b"1",
    }
    results = fetch(objects, tmp_path)
    assert list(results.predictions) == ["b"]
    assert len(results.problems) == 1
    assert results.problems[0].startswith("a: Cannot copy s3://output/analysis_predicted_out/a/")


def test_run_without_manifest_has_no_results(tmp_path: Path) -> None:
    assert fetch({}, tmp_path) is None
    assert not any(tmp_path.iterdir())


def test_verdict_is_known_before_a_copy_fails(tmp_path: Path) -> None:
    client: Any = Bucket({f"runs/{RUN_ID}/manifest.json": a_manifest(an_item("a"))})
    (tmp_path / RUN_ID).touch()
    seen: list[Manifest] = []
    with pytest.raises(CopyError, match="cannot write into") as failed:
        fetch_results(client, "output", RUN_ID, tmp_path, seen.append)
    assert failed.value.exit_code == ExitCode.UNREACHABLE
    assert [manifest.verdict for manifest in seen] == ["SUCCEEDED"]


@pytest.mark.parametrize("inside", ["out", "out/deeper"])
def test_folder_that_cannot_be_written_is_told_before_anything_else(tmp_path: Path, inside: str) -> None:
    (tmp_path / "file").touch()
    out = tmp_path / "file" / inside
    with pytest.raises(CommandError, match="Cannot write into") as refused, results_folder(out):
        pytest.fail("something was started")
    assert refused.value.exit_code == ExitCode.REFUSED


def test_folder_stays_only_with_results_in_it(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    with results_folder(out):
        assert not any(out.iterdir())
    assert not any(tmp_path.iterdir())
    with results_folder(out):
        (out / "result").touch()
    assert (out / "result").exists()


def test_empty_folder_of_the_users_stays(tmp_path: Path) -> None:
    with results_folder(tmp_path):
        pass
    assert tmp_path.is_dir()


@pytest.mark.parametrize(
    "content",
    [b'{"verdict": "PERHAPS"}', b"", b"[]", b'{"runId": "\xff"}'],
    ids=["other", "empty", "list", "bytes"],
)
def test_manifest_that_is_none_is_refused(content: bytes) -> None:
    with pytest.raises(RunBrokenError, match=r"manifest\.json cannot be read"):
        parse_manifest(content)


def test_table_says_what_became_of_each_item(console: Console, shown: Callable[[], str]) -> None:
    reason = "no column CustomerID [see file]"
    print_table(
        console,
        parse_manifest(
            a_manifest(
                an_item("[red]fine[/red]"),
                an_item(
                    "broken", "FAILED", stage="StartTrainingJob", reason=reason, metrics=None, durationSeconds=None
                ),
                verdict="FAILED",
            )
        ),
    )
    lines = shown().splitlines()
    fine = next(line for line in lines if "[red]fine[/red]" in line)
    broken = next(line for line in lines if "broken" in line)
    assert all(word in fine for word in ("SUCCEEDED", "1,234", "12.3 (0.62)", "mbg_nbd+weibull", "1 min 1 s"))
    assert f"StartTrainingJob: {reason}" in broken
    assert "verdict FAILED: 1 of 2 items succeeded, 1 failed, 0 did not finish" in shown()


@pytest.mark.parametrize("width", [60, 80, 200])
def test_reason_can_be_read_whole_on_any_terminal(width: int) -> None:
    narrow = Console(file=io.StringIO(), width=width, highlight=False)
    reason = f"s3://bucket/{'very' * 10}/long.csv has no column CustomerID"
    print_table(narrow, parse_manifest(a_manifest(an_item("a"), an_item("b", "FAILED", reason=reason))))
    assert isinstance(narrow.file, io.StringIO)
    assert reason in narrow.file.getvalue()


def test_broken_map_run_is_told_beside_the_items(console: Console, shown: Callable[[], str]) -> None:
    content = json.loads(a_manifest(an_item("a", "UNFINISHED", reason="never started"), verdict="FAILED"))
    content["mapRunError"] = {"Error": "States.ItemReaderFailed", "Cause": "items.json is gone"}
    print_table(console, parse_manifest(json.dumps(content).encode()))
    assert "the map run itself broke: States.ItemReaderFailed: items.json is gone" in shown()


@pytest.mark.parametrize(
    ("metrics", "error"),
    [
        (None, ""),
        ({}, ""),
        ({"customers": "many", "mean_absolute_error": None, "model_backend": 3}, "not judged"),
        ({"mean_absolute_error": 12.34}, "12.3"),
        ({"mean_absolute_error": 12.34, "baseline_mean_absolute_error": 0}, "12.3"),
        ({"mean_absolute_error": 12.34, "baseline_mean_absolute_error": True}, "12.3"),
    ],
    ids=["none", "empty", "odd", "no baseline", "faultless baseline", "odd baseline"],
)
def test_item_without_measures_is_shown_all_the_same(
    console: Console, shown: Callable[[], str], metrics: dict[str, Any] | None, error: str
) -> None:
    print_table(console, parse_manifest(a_manifest(an_item("other image", metrics=metrics))))
    [row] = [line for line in shown().splitlines() if "other image" in line]
    cells = [cell.strip() for cell in row.strip("│ ").split("│")]
    assert cells == ["other image", "SUCCEEDED", "", error, "1 min 1 s"]


def test_an_item_that_was_not_judged_has_its_reason_below(console: Console, shown: Callable[[], str]) -> None:
    metrics = {"customers": 9, "mean_absolute_error": None, "note": "no order could be judged"}
    print_table(console, parse_manifest(a_manifest(an_item("small", metrics=metrics))))
    assert "not judged" in shown()
    assert "small: no order could be judged" in shown()


def test_long_table_shows_the_failed_ones_first(console: Console, shown: Callable[[], str]) -> None:
    items = [an_item(f"good {n}") for n in range(80)] + [an_item("the bad one", "FAILED", reason="why")]
    print_table(console, parse_manifest(a_manifest(*items, verdict="FAILED")))
    assert "the bad one" in shown()
    assert "and 31 more items" in shown()


def test_unchanged_item_points_to_the_run_that_made_its_predictions(
    console: Console, shown: Callable[[], str]
) -> None:
    earlier = "20260101T030405007Z-night"
    content = json.loads(a_manifest(an_item("old", unchangedSince=earlier), an_item("new", trainedIn=RUN_ID)))
    content["counts"] = {"total": 2, "succeeded": 2, "failed": 0, "unfinished": 0, "unchanged": 1}
    print_table(console, parse_manifest(json.dumps(content).encode()))
    [old, new] = [row for row in shown().splitlines() if "SUCCEEDED" in row and "│" in row]
    assert f"unchanged since {earlier}" in old
    assert "since" not in new
    assert "trained in" not in new
    assert "2 of 2 items succeeded (1 unchanged), 0 failed" in shown()


def test_training_of_an_earlier_run_is_told(console: Console, shown: Callable[[], str]) -> None:
    print_table(console, parse_manifest(a_manifest(an_item("a", trainedIn="20260101T030405007Z-night"))))
    assert "trained in 20260101T030405007Z-night" in shown()


def test_run_that_only_scored_shows_no_measures_of_training(console: Console, shown: Callable[[], str]) -> None:
    content = json.loads(a_manifest(an_item("a"))) | {"mode": "score"}
    print_table(console, parse_manifest(json.dumps(content).encode()))
    assert "scored with each item's last accepted model" in shown()
    assert "error in days" not in shown()
    assert "1,234" not in shown()
    assert "1 min 1 s" in shown()
