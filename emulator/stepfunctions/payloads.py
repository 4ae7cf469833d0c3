"""How Step Functions writes a payload, how large one is, and how large it may be.

Touches moto's private parts: `is_within_size_quota`, which modules of states and tasks import by name.
"""

from __future__ import annotations

import importlib
import json

from emulator.moto_patches import replace

LARGEST_PAYLOAD = 256 * 1024
_STATES = "moto.stepfunctions.parser.asl.component.state"
# Modules of the interpreter that hold their own reference to the function.
JUDGES = (
    f"{_STATES}.state",
    f"{_STATES}.exec.state_task.state_task_lambda",
    f"{_STATES}.exec.state_task.service.state_task_service",
)


def compact_json(value: object) -> str:
    """`value` as JSON without spaces and without escapes of what is not ASCII."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str)


def payload_size(value: object) -> int:
    """Bytes of `value` as Step Functions counts them: compact JSON in UTF-8, a string as it stands."""
    text = value if isinstance(value, str) else compact_json(value)
    return len(text.encode("utf-8", "surrogatepass"))


def is_within_size_quota(value: object) -> bool:
    """Whether a payload may pass: 256 KiB as compact UTF-8, not as moto's spaced and escaped JSON."""
    return payload_size(value) <= LARGEST_PAYLOAD


def install() -> None:
    """Put this measure in the place of moto's."""
    for name in JUDGES:
        replace(importlib.import_module(name), "is_within_size_quota", is_within_size_quota, expects=("value",))
