"""Answers List… requests: filter, sort, then page, which moto does in another order."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from emulator.sagemaker.errors import ValidationError
from emulator.service_models import service_model

_DEFAULT_PAGE = 10


def answer_list(operation: str, request: dict[str, Any], descriptions: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the answer of `operation` (`ListTrainingJobs`).

    Args:
        operation: its name.
        request: checked.
        descriptions: of all jobs or models, in the order they were made.

    Raises:
        ValidationError: NextToken is none that was given out.
    """
    output: Any = service_model("sagemaker").operation_model(operation).output_shape
    list_key = next(name for name, shape in output.members.items() if shape.type_name == "list")
    members = list(output.members[list_key].member.members)
    noun = operation.removeprefix("List").removesuffix("s")
    found = [one for one in descriptions if _is_wanted(one, request, noun)]
    sort_key = {"Name": f"{noun}Name", "Status": f"{noun}Status"}.get(request.get("SortBy", ""), "CreationTime")
    # Stable, so that equal times keep the order in which things were made.
    found.sort(key=lambda one: one[sort_key])
    if request.get("SortOrder", "Ascending" if operation != "ListModels" else "Descending") == "Descending":
        found.reverse()
    start = _position(request.get("NextToken"), len(found))
    end = start + request.get("MaxResults", _DEFAULT_PAGE)
    answer: dict[str, Any] = {
        list_key: [{name: one[name] for name in members if name in one} for one in found[start:end]]
    }
    if end < len(found):
        answer["NextToken"] = str(end)
    return answer


def _is_wanted(description: dict[str, Any], request: dict[str, Any], noun: str) -> bool:
    if request.get("NameContains", "").lower() not in description[f"{noun}Name"].lower():
        return False
    if "StatusEquals" in request and description[f"{noun}Status"] != request["StatusEquals"]:
        return False
    return all(
        _is_in_time(description[member], request.get(f"{member}After"), request.get(f"{member}Before"))
        for member in ("CreationTime", "LastModifiedTime")
        if member in description
    )


def _is_in_time(moment: datetime, after: float | None, before: float | None) -> bool:
    return (after is None or moment > datetime.fromtimestamp(after, UTC)) and (
        before is None or moment < datetime.fromtimestamp(before, UTC)
    )


def _position(token: str | None, count: int) -> int:
    if token is None:
        return 0
    if not token.isdecimal() or int(token) > count:
        raise ValidationError("Invalid pagination token.")
    return int(token)
