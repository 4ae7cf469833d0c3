"""Measures: their ratio, their goal, and how they are written down."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from benchmarks.measure import Goal, Measure, Other
from benchmarks.report import as_json, as_markdown, as_others_table, as_table, verdict

SMALL = Measure("package", "MB", 1.3, goal=Goal(4, "ours"))
SLOW = Measure("start", "ms", 600.0, 400.0, Goal(1.25, "ratio"), "start: medians of 15")
FAST = Measure("serving", "rows/s", 3000.0, 1000.0, Goal(2, "ratio", at_least=True))
BROKEN = Measure("broken", "s", None, goal=Goal(1.25, "ratio"), note="not measured: no such module")
PLAIN = Measure("build", "s", 3.5)
SHARE = Goal(0.10, "ours", give=0.03)
HELD = Measure(
    "error in May, against the best", "days", 7.0, 6.9, others=(Other("one", 6.9, 0.5), Other("other", None, 1.25))
)
ALL = [SMALL, SLOW, FAST, BROKEN, PLAIN]


@pytest.mark.parametrize(
    ("measure", "ratio", "met", "goal"),
    [
        pytest.param(SMALL, None, True, "≤ 4 MB", id="bound on the figure"),
        pytest.param(SLOW, 1.5, False, "ratio ≤ 1.25", id="bound on the ratio, missed"),
        pytest.param(FAST, 3.0, True, "ratio ≥ 2", id="more is better"),
        pytest.param(BROKEN, None, False, "ratio ≤ 1.25", id="what was not measured is not met"),
        pytest.param(PLAIN, None, None, "", id="no goal"),
        pytest.param(Measure("x", "s", 1.25, 1.0, Goal(1.25, "ratio")), 1.25, True, "ratio ≤ 1.25", id="at the bound"),
        pytest.param(Measure("x", "", 0.13, goal=SHARE), None, True, "0.1 ± 0.03", id="as far above as may be"),
        pytest.param(Measure("x", "", 0.07, goal=SHARE), None, True, "0.1 ± 0.03", id="as far below as may be"),
        pytest.param(Measure("x", "", 0.131, goal=SHARE), None, False, "0.1 ± 0.03", id="too far above"),
        pytest.param(Measure("x", "", 0.069, goal=SHARE), None, False, "0.1 ± 0.03", id="too far below"),
        pytest.param(Measure("x", "s", 1.0, 0.0, Goal(1, "ratio")), None, False, "ratio ≤ 1", id="reference of nothing"),
    ],
)  # fmt: skip
def test_a_goal_binds_the_figure_or_its_ratio(measure: Measure, ratio: float, met: bool, goal: str) -> None:
    assert (measure.ratio, measure.met, measure.goal_text) == (ratio, met, goal)


def test_json_carries_numbers_with_their_unit() -> None:
    assert json.loads(as_json([SLOW, PLAIN])) == [
        {
            "measure": "start",
            "unit": "ms",
            "ours": 600.0,
            "reference": 400.0,
            "ratio": 1.5,
            "goal": "ratio ≤ 1.25",
            "met": False,
            "note": "start: medians of 15",
            "others": [],
            "details": [],
        },
        {
            "measure": "build",
            "unit": "s",
            "ours": 3.5,
            "reference": None,
            "ratio": None,
            "goal": None,
            "met": None,
            "note": "",
            "others": [],
            "details": [],
        },
    ]
    (held,) = json.loads(as_json([HELD]))
    assert held["others"][1] == {"name": "other", "figure": None, "seconds": 1.25}


def test_the_table_has_a_row_for_each_measure() -> None:
    table = as_table(ALL)
    assert [column.header for column in table.columns] == ["measure", "ours", "reference", "ratio", "goal", "met"]
    columns = [[str(cell) for cell in column.cells] for column in table.columns]
    assert columns[0] == ["package", "start", "serving", "broken", "build"]
    assert columns[1] == ["1.3 MB", "600 ms", "3000 rows/s", "not measured", "3.5 s"]
    assert columns[5] == ["yes", "NO", "yes", "NO", ""]


def test_missed_goals_are_named() -> None:
    assert verdict(ALL) == "2 of 4 goals met; MISSED: start, broken"
    assert verdict([SMALL, PLAIN]) == "1 of 1 goals met"


def test_the_document_says_when_and_where() -> None:
    text = as_markdown(ALL, datetime(2031, 5, 17, 23, 59, tzinfo=UTC), "an abacus")
    assert "2031-05-17; an abacus" in text
    assert "| start | 600 ms | 400 ms | 1.5 | ratio ≤ 1.25 | NO |" in text
    assert "2 of 4 goals met; MISSED: start, broken." in text


def test_a_subject_is_a_section_that_says_how_it_was_measured() -> None:
    again = Measure("stop", "ms", 5.0, note=SLOW.note)
    text = as_markdown([SLOW, PLAIN, BROKEN, again], datetime(2031, 5, 17, tzinfo=UTC), "an abacus")
    start, broken = text.split("\n## ")[1:]
    assert start.startswith("Start\n")
    assert [line.split(" | ")[0] for line in start.splitlines() if line.startswith("| ")] == [
        "| measure", "| ---", "| start", "| build", "| stop",
    ]  # fmt: skip
    assert start.endswith("\n\nMedians of 15.\n")
    assert broken.startswith("Not measured\n")


def test_details_are_in_the_json_alone() -> None:
    measure = Measure("items", "", 1.0, note="model: of an account", details=("10 at once: 3 lost",))
    assert json.loads(as_json([measure]))[0]["details"] == ["10 at once: 3 lost"]
    assert "3 lost" not in as_markdown([measure], datetime(2031, 5, 17, tzinfo=UTC), "an abacus")


def test_all_that_a_measure_is_held_against_have_a_table_of_their_own() -> None:
    more = Measure("error in June", "days", None, others=(Other("third", 12.34567, 0.004),))
    text = as_markdown([PLAIN, HELD, more], datetime(2031, 5, 17, tzinfo=UTC), "an abacus")
    assert (
        "| measure | ours | one | other | third |\n"
        "| --- | ---: | ---: | ---: | ---: |\n"
        "| error in May, days | 7 | 6.9 (0.50 s) | not measured | not measured |\n"
        "| error in June, days | not measured | not measured | not measured | 12.35 (0.00 s) |\n"
    ) in text
    table = as_others_table([PLAIN, HELD])
    assert table is not None
    assert [column.header for column in table.columns] == ["measure", "ours", "one", "other"]
    assert as_others_table(ALL) is None
    assert "| measure | ours | one" not in as_markdown(ALL, datetime(2031, 5, 17, tzinfo=UTC), "an abacus")
