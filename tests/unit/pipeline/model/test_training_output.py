"""The prediction input and the metrics of a training without a network are unpacked from its output."""

from __future__ import annotations

import io
import tarfile

import pytest

from pipeline.errors import DataNotFoundError, DataNotReadableError, DataTooLargeError
from pipeline.model import training_output
from tests.unit.pipeline.in_memory_aws import RUN, Objects

JOB = "training-job-item1-20261122T094236123Z"
ARCHIVE = f"analysis_predicted/item1/{JOB}/output/output.tar.gz"
SAMPLE = f"analysis_predicted/item1/{RUN}/sample_prediction.csv"
METRICS = f"analysis_predicted/item1/{RUN}/metrics.json"


def archive_of(**files: bytes) -> bytes:
    """Return a tar.gz of these files, in this order; `__` in a name stands for a dot."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name.replace("__", "."))
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def unpack(s3: Objects) -> None:
    training_output.unpack_output(s3, "output-bucket", "item1", RUN, JOB)  # type: ignore[arg-type]


@pytest.mark.parametrize("prefix", ["", "__/"], ids=["plain", "with ./"])
def test_both_files_are_written_where_an_upload_would_write_them(prefix: str) -> None:
    files = {f"{prefix}sample_prediction__csv": b"a,b\n1,2\n", "plot__png": b"x", f"{prefix}metrics__json": b"{}"}
    s3 = Objects({ARCHIVE: archive_of(**files)})
    unpack(s3)
    assert (s3.objects[SAMPLE], s3.objects[METRICS]) == (b"a,b\n1,2\n", b"{}")
    assert s3.objects.keys() == {ARCHIVE, SAMPLE, METRICS}


def test_the_metrics_are_there_before_the_prediction_input() -> None:
    written = []

    class Watched(Objects):
        def put_object(self, Key: str, Body: bytes, **told: object) -> None:  # noqa: N803 - boto3's names
            written.append(Key)
            super().put_object(Key, Body, **told)

    unpack(Watched({ARCHIVE: archive_of(sample_prediction__csv=b"a\n", metrics__json=b"{}")}))
    assert written == [METRICS, SAMPLE]


def test_prediction_input_without_metrics_is_unpacked() -> None:
    s3 = Objects({ARCHIVE: archive_of(sample_prediction__csv=b"a\n")})
    unpack(s3)
    assert SAMPLE in s3.objects
    assert METRICS not in s3.objects


def test_existing_files_are_kept() -> None:
    s3 = Objects({ARCHIVE: archive_of(sample_prediction__csv=b"new", metrics__json=b"new"), METRICS: b"old"})
    unpack(s3)
    assert (s3.objects[METRICS], s3.objects[SAMPLE]) == (b"old", b"new")
    s3.objects[ARCHIVE] = archive_of(sample_prediction__csv=b"another", metrics__json=b"another")
    unpack(s3)
    assert (s3.objects[METRICS], s3.objects[SAMPLE]) == (b"old", b"new")


@pytest.mark.parametrize(
    "objects",
    [
        {},
        {ARCHIVE: archive_of(metrics__json=b"{}")},
        {ARCHIVE: archive_of(deep__=b"", **{"folder/sample_prediction__csv": b"x"})},
    ],
    ids=["no output", "metrics alone", "in a folder"],
)
def test_a_training_without_prediction_input_raises_with_the_path_for_it(objects: dict[str, bytes]) -> None:
    s3 = Objects(dict(objects))
    with pytest.raises(DataNotFoundError, match=rf"{ARCHIVE}: .*IsolateTraining.* /opt/ml/output/data"):
        unpack(s3)
    # Not a part of it either: metrics alone would look like a training that was handed over.
    assert s3.objects == objects


def test_a_link_is_no_prediction_input() -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        member = tarfile.TarInfo("sample_prediction.csv")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(member)
    with pytest.raises(DataNotFoundError):
        unpack(Objects({ARCHIVE: packed.getvalue()}))


WHOLE = archive_of(sample_prediction__csv=b"0123456789" * 100_000)


@pytest.mark.parametrize(
    "content", [b"", b"no archive", WHOLE[: len(WHOLE) // 2]], ids=["empty", "text", "cut off"]
)
def test_other_content_than_an_archive_raises(content: bytes) -> None:
    s3 = Objects({ARCHIVE: content})
    with pytest.raises(DataNotReadableError, match=rf"{ARCHIVE} cannot be read: "):
        unpack(s3)
    assert s3.objects.keys() == {ARCHIVE}


@pytest.mark.parametrize(
    ("most", "said"), [(5_000, "sample_prediction.csv in s3://"), (100, "^s3://")], ids=["a file", "the archive"]
)
def test_output_too_large_for_the_function_is_refused_unread(
    monkeypatch: pytest.MonkeyPatch, most: int, said: str
) -> None:
    monkeypatch.setattr(training_output, "MAX_BYTES", most)
    with pytest.raises(DataTooLargeError, match=said):
        unpack(Objects({ARCHIVE: WHOLE}))
