"""What holds after every run, whatever has gone wrong in it."""

from __future__ import annotations

from collections import Counter

from tests.chaos.scenario import SUCCEEDED, UNFINISHED
from tests.chaos.stage import Findings, jobs_running
from tests.live.stack import Stack


def check_order(stack: Stack, found: Findings, *, rewritten: frozenset[str] = frozenset()) -> None:
    """Every item has one verdict, nothing is left running or lying about, and nothing was overwritten.

    Args:
        stack: where it ran; nothing else must be running there.
        found: what is there after the run.
        rewritten: keys that a lost answer made be written twice.
    """
    check_verdicts(found)
    assert jobs_running(stack) == []
    assert found.models == []
    check_objects(found, rewritten=rewritten)


def check_verdicts(found: Findings) -> None:
    """Check that the manifest has every item of the work list exactly once, in its order, and counts them rightly."""
    manifest = found.run.manifest
    assert manifest is not None
    assert [(entry["index"], entry["item"]) for entry in manifest["items"]] == [
        (line["index"], line["item"]) for line in found.lines
    ]
    counted = Counter(entry["status"] for entry in manifest["items"])
    told = {status: manifest["counts"][status.lower()] for status in (SUCCEEDED, "FAILED", UNFINISHED)}
    assert told == {status: counted[status] for status in told}
    assert manifest["counts"]["total"] == len(found.lines)
    for entry in manifest["items"]:
        if entry["status"] == SUCCEEDED:
            key = f"analysis_predicted_out/{entry['item']}/{found.run_id}/sample_prediction.csv.out"
            assert entry["predictionsUri"].endswith(f"/{key}")
            assert key in found.versions
        else:
            assert entry["reason"]
        assert (entry["error"] is not None) == (entry["status"] == "FAILED")


def check_objects(found: Findings, *, rewritten: frozenset[str] = frozenset()) -> None:
    """Nothing in the output bucket has a second version, but for what is told and each item's latest.json."""
    changing = {key for key in found.versions if key.endswith("/latest.json")}
    twice = {key for key, versions in found.versions.items() if len(versions) > 1}
    assert twice - changing == rewritten
