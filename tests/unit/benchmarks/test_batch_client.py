"""How a file is cut into requests."""

from __future__ import annotations

import io
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.batch_client import cut_bodies

LIMIT = 12


@given(
    st.lists(st.binary(max_size=LIMIT - 1).map(lambda line: line.replace(b"\n", b"")), max_size=30), st.booleans()
)
def test_a_file_is_cut_at_line_ends_into_as_few_pieces_as_its_order_allows(lines: list[bytes], ends: bool) -> None:
    text = b"\n".join(lines) + (b"\n" if ends else b"")
    bodies = list(cut_bodies(io.BytesIO(text), LIMIT))
    assert b"".join(bodies) == text
    assert all(0 < len(body) <= LIMIT for body in bodies)
    for body, following in pairwise(bodies):
        assert body.endswith(b"\n")
        assert len(body) + len(following.partition(b"\n")[0]) + 1 > LIMIT


def test_a_line_longer_than_a_request_is_refused() -> None:
    with pytest.raises(ValueError, match="a line is longer than 12 bytes"):
        list(cut_bodies(io.BytesIO(b"short\n" + b"x" * LIMIT + b"\n"), LIMIT))
