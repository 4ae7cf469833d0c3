"""An object's bytes are kept as in moto's own file, small or large; fails first when moto uses that otherwise."""

from __future__ import annotations

import inspect
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
from moto.s3 import models

from emulator import object_values
from emulator.endpoint import EmulatorSettings
from emulator.object_values import SMALL, ObjectValue

SIZES = [0, 10, SMALL, SMALL + 1, 3 * SMALL]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("before", SIZES)
def test_value_is_what_was_written_last(before: int, size: int) -> None:
    told = []
    for make in (ObjectValue, tempfile.SpooledTemporaryFile):
        stream: Any = make(2 * SMALL)
        stream.write(b"a" * before)
        stream.seek(0)
        stream.truncate()
        stream.write(b"b" * size)
        stream.seek(0)
        first = stream.read(7)
        told.append((first, stream.read(), stream.read()))
        stream.close()

    assert told[0] == told[1] == ((b"b" * size)[:7], (b"b" * size)[7:], b"")


def test_part_that_is_overwritten_leaves_the_rest() -> None:
    value = ObjectValue()
    value.write(b"abcdef")
    value.seek(2)
    value.write(b"XY")
    value.seek(0)

    assert value.read() == b"abXYef"


def test_moto_uses_nothing_else_of_such_a_file(tmp_path: Path) -> None:
    source = inspect.getsource(models)
    assert set(re.findall(r"_value_buffer\.(\w+)", source)) == {"seek", "read", "truncate", "write", "close"}
    assert set(re.findall(r"tempfile\.(\w+)", source)) == {"SpooledTemporaryFile"}

    object_values.install(EmulatorSettings(port=1, work_dir=tmp_path))
    key = models.FakeKey("key", b"value", "123456789012", "us-east-1")
    assert isinstance(key._value_buffer, ObjectValue)
    assert (key.value, key.size, key.etag) == (b"value", 5, '"2063c1608d6e0baf80249c42e2be5804"')
    key.dispose()


def test_access_lists_are_shared_and_nobody_changes_one(tmp_path: Path) -> None:
    object_values.install(EmulatorSettings(port=1, work_dir=tmp_path))
    keys = [models.FakeKey(name, b"", "1", "us-east-1") for name in ("a", "b")]
    for key in keys:
        key.dispose()

    assert keys[0].acl is keys[1].acl
    assert not re.findall(
        r"acl\.grants\.(append|extend|remove|pop|insert)|acl\.grants\s*=", inspect.getsource(models)
    )
