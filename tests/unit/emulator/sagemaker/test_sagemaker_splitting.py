"""Input files cut into requests, and answers put together."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from emulator.sagemaker.assembling import JoinError, choose_assembler
from emulator.sagemaker.requests import RequestSettings
from emulator.sagemaker.serving import ExecutionParameters
from emulator.sagemaker.splitting import Payload, PayloadTooLargeError, split_file


def split(tmp_path: Path, content: bytes, split_type: str, strategy: str, max_bytes: int | None) -> list[bytes]:
    file = tmp_path / "input"
    file.write_bytes(content)
    payloads = split_file(file, split_type, strategy, max_bytes)
    return [payload.file.read_bytes() if payload.file else payload.content for payload in payloads]


@pytest.mark.parametrize(
    ("content", "strategy", "max_bytes", "expected"),
    [
        pytest.param(b"1\n2\n3\n", "SingleRecord", 10, [b"1\n", b"2\n", b"3\n"], id="one by one"),
        pytest.param(b"1\n2\n3\n", "MultiRecord", 4, [b"1\n2\n", b"3\n"], id="as many as fit"),
        pytest.param(b"1\n2\n3\n", "MultiRecord", 5, [b"1\n2\n", b"3\n"], id="no record is cut"),
        pytest.param(b"1\n2\n3", "MultiRecord", None, [b"1\n2\n3"], id="without bound"),
        pytest.param(b"1\r\n\r\n2\r\n", "SingleRecord", 10, [b"1\r\n", b"\r\n", b"2\r\n"], id="Windows line ends"),
        pytest.param(b"1234\n", "MultiRecord", 5, [b"1234\n"], id="a record just fits"),
        pytest.param(b"", "MultiRecord", 5, [], id="empty file"),
    ],
)
def test_lines_become_requests(
    tmp_path: Path, content: bytes, strategy: str, max_bytes: int | None, expected: list[bytes]
) -> None:
    assert split(tmp_path, content, "Line", strategy, max_bytes) == expected


def test_record_above_the_bound_is_refused_after_those_before_it(tmp_path: Path) -> None:
    file = tmp_path / "input"
    file.write_bytes(b"1\n2\n" + b"x" * 1_000_000)
    requests = split_file(file, "Line", "SingleRecord", 3)
    assert [next(requests).content, next(requests).content] == [b"1\n", b"2\n"]
    with pytest.raises(PayloadTooLargeError):
        next(requests)


def test_unsplit_file_is_one_request_that_stays_on_disk(tmp_path: Path) -> None:
    file = tmp_path / "input"
    file.write_bytes(b"1\n2\n")
    assert list(split_file(file, "None", "MultiRecord", 4)) == [Payload(file=file)]
    with pytest.raises(PayloadTooLargeError):
        list(split_file(file, "None", "MultiRecord", 3))


@pytest.mark.parametrize(
    ("assemble_with", "join_source", "answers", "expected"),
    [
        pytest.param("None", "None", [b"1", b"2\n", b""], b"12\n", id="None joins bytes"),
        pytest.param("Line", "None", [b"1", b"2\n", b""], b"1\n2\n", id="Line ends every answer"),
        pytest.param("None", "Input", [b"x\ny", b"z\n"], b"a,1,x\nb,2,y\na,1,z\n", id="Input joins line by line"),
    ],
)
def test_answers_are_put_together(
    assemble_with: str, join_source: str, answers: list[bytes], expected: bytes
) -> None:
    assembler = choose_assembler(assemble_with, join_source)
    output = io.BytesIO()
    payloads = [Payload(content=b"a,1\nb,2\n"), Payload(content=b"a,1\n"), Payload()]
    for payload, answer in zip(payloads, answers, strict=False):
        assembler.add(payload, io.BytesIO(answer), output)
    assert output.getvalue() == expected


def test_answer_of_another_length_cannot_be_joined() -> None:
    with pytest.raises(JoinError, match="2 records were sent, 1 came back"):
        choose_assembler("None", "Input").add(Payload(content=b"1\n2\n"), io.BytesIO(b"x\n"), io.BytesIO())


def request_of(**changes: object) -> dict[str, object]:
    return {"TransformInput": {"SplitType": "Line"}, "TransformOutput": {}, **changes}


@pytest.mark.parametrize(
    ("request_members", "container", "expected"),
    [
        pytest.param({}, ExecutionParameters(), (1, 6, "MultiRecord"), id="AWS's defaults"),
        pytest.param({}, ExecutionParameters(4, "SingleRecord", 8), (4, 8, "SingleRecord"), id="the container's"),
        pytest.param(
            {"MaxConcurrentTransforms": 2, "MaxPayloadInMB": 3, "BatchStrategy": "MultiRecord"},
            ExecutionParameters(4, "SingleRecord", 8),
            (2, 3, "MultiRecord"),
            id="the request's",
        ),
        pytest.param(
            {"MaxConcurrentTransforms": 0}, ExecutionParameters(4), (4, 6, "MultiRecord"), id="0 is unset"
        ),
        pytest.param({"MaxPayloadInMB": 50}, ExecutionParameters(9), (2, 50, "MultiRecord"), id="100 MB in all"),
        pytest.param({"MaxPayloadInMB": 0}, ExecutionParameters(9), (9, 0, "MultiRecord"), id="without bound"),
    ],
)
def test_settings_come_from_the_request_then_the_container_then_aws(
    request_members: dict[str, object], container: ExecutionParameters, expected: tuple[int, int, str]
) -> None:
    settings = RequestSettings.choose(request_of(**request_members), container)
    assert (settings.concurrency, settings.max_payload_in_mb, settings.strategy) == expected
    assert settings.max_bytes == (expected[1] * 2**20 or None)
