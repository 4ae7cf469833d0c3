"""A run's work list is written as one JSON array and read line by line."""

from __future__ import annotations

import json

import pytest

from pipeline.work_list import read_work_list, work_list_bytes
from tests.unit.pipeline.stored_documents import work_list_line

RUN = "20261122T094236123Z-x"


def test_a_work_list_is_json_with_a_line_of_text_for_each_item() -> None:
    lines = [
        work_list_line(RUN, request={"item": "a\n]", "hyperparameters": {"b": "},\n{"}}),
        work_list_line(RUN, item="[台北]"),
    ]
    body = work_list_bytes(lines)
    assert [entry["request"] for entry in json.loads(body)] == [entry.request for entry in lines]
    assert len(body.split(b"\n")) == len(lines)
    assert read_work_list(body) == lines
    assert read_work_list(work_list_bytes([])) == []


@pytest.mark.parametrize("body", [b"", b"[", b"[}]", b"[1]", b'["a"]', b"[{}]", b"\xff", b'{"index": 0}'])
def test_other_content_is_no_work_list(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a JSON array|item 0: |Expecting|decode"):
        read_work_list(body)
