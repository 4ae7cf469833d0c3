"""Earlier predictions judged by what came: figures made by hand, unfinished outcomes, and files of every kind."""

from __future__ import annotations

import json
import logging
import random
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from next_purchase.learning.realised import judge_previous, read_probability_days
from next_purchase.learning.training import train
from next_purchase.sagemaker_contract import ContainerPaths
from tests.unit.container.retail_data import make_shop, write_lines
from tests.unit.container.shops import day, orders_on

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

HEADER = "CustomerID,last_order_date,as_of,predicted_days,predicted_date,lower_days,upper_days,return_probability,overdue"
HORIZON, DAYS = 90, 30
MADE = 100
"""The day on which the answers were made."""
NOTHING = {
    "realised_customers": None,
    "realised_mean_absolute_error": None,
    "realised_share_inside_interval": None,
    "realised_brier_score": None,
    "realised_age_days": None,
}


def answer(who: str, days: float, interval: str = ",", chance: str = "", made: int = MADE, last: int = 90) -> str:
    """Return a line as our image writes it; the days of the horizon mean that the date lies beyond it."""
    when = "" if days == HORIZON else f"{day(made) + timedelta(days=round(days))}"
    return f"{who},{day(last)},{day(made)},{days},{when},{interval},{chance},false"


def write(folder: Path, *lines: str, name: str = "sample_prediction.csv.out", header: str = HEADER) -> Path:
    path = folder / name
    path.write_text("\n".join([header, *lines, ""]), encoding="utf-8")
    return path


def judge(
    files: Path | Sequence[Path],
    days: Mapping[str, Sequence[int]],
    *,
    until: int,
    horizon: int = HORIZON,
    probability_days: int | None = DAYS,
) -> dict[str, Any]:
    """Return what is told of the files when the data has orders on these days of each customer."""
    paths = files if isinstance(files, list) else [files]
    return judge_previous(paths, orders_on(days), day(until), horizon, probability_days)  # type: ignore[arg-type]


def test_what_was_predicted_is_held_against_what_came(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        answer("on time", 20, "10.0,30.0", "0.8"),
        answer("early", 40, "20.0,60.0", "0.4"),
        answer("late", 10, "5.0,15.0", "0.9"),
        answer("never", 50, "30.0,", "0.1"),
        answer("as foretold", 90, "80.0,", "0.0"),
    )
    days = {"on time": [90, 120], "early": [90, 110, 111], "late": [90, 160], "never": [90], "as foretold": [90]}
    assert judge(file, days, until=200) == {
        "realised_customers": 5,
        # 0, 30, 50, 90 - 50 and 0.
        "realised_mean_absolute_error": 24.0,
        # On time, never and as foretold: those two intervals reach to the horizon, which has passed.
        "realised_share_inside_interval": 0.6,
        # 0.2, 0.6, 0.9, 0.1 and 0.
        "realised_brier_score": round((0.04 + 0.36 + 0.81 + 0.01) / 5, 4),
        "realised_age_days": 100,
    }


def test_days_are_compared_as_far_as_customers_were_followed(tmp_path: Path) -> None:
    file = write(tmp_path, answer("a", 25), answer("b", 60), answer("c", 5), answer("d", 8))
    days = {"a": [90, 108], "b": [90], "c": [90], "d": [90, 105, 119]}
    told = judge(file, days, until=120)
    # min(25, 20) - 8; nothing was wrong so far; 20 - 5; 8 - 5.
    assert told["realised_mean_absolute_error"] == (12 + 0 + 15 + 3) / 4
    assert (told["realised_customers"], told["realised_age_days"]) == (4, 20)
    assert told["realised_brier_score"] is None, "30 days have not passed"
    assert told["realised_share_inside_interval"] is None, "there was no interval"


def test_what_came_after_the_data_ended_or_before_the_answer_does_not_count(tmp_path: Path) -> None:
    file = write(tmp_path, answer("a", 10))
    told = judge(file, {"a": [90, 95, 100, 115, 119], "b": [150]}, until=118)
    assert told["realised_mean_absolute_error"] == 5.0


@pytest.mark.parametrize(("interval", "came", "inside"), [
    ("5.0,15.0", 110, 1.0),
    ("5.0,15.0", 105, 1.0),
    ("5.0,15.0", 115, 1.0),
    ("5.0,15.0", 104, 0.0),
    ("5.0,15.0", 116, 0.0),
    ("5.0,15.0", None, 0.0),
    ("5.0,20.0", None, 0.0),
    # Not over yet, whatever has come so far.
    ("5.0,21.0", None, None),
    ("5.0,21.0", 110, None),
    ("5.0,21.0", 101, None),
    ("5.0,", 110, None),
    (",15.0", 110, None),
])  # fmt: skip
def test_an_interval_is_judged_once_it_is_over(
    tmp_path: Path, interval: str, came: int | None, inside: float | None
) -> None:
    days = {"a": [90] if came is None else [90, came]}
    told = judge(write(tmp_path, answer("a", 10, interval)), days, until=120)
    assert told["realised_share_inside_interval"] == inside


def test_intervals_that_are_right_look_right_after_any_time(tmp_path: Path) -> None:
    """Judged by those alone who have come back, four in five would look like less the shorter the time."""
    chance = random.Random(3)  # noqa: S311 - test data
    lines, days = [], {}
    for number in range(4000):
        mean = chance.choice((10, 20, 60))
        waited = 1 + int(chance.expovariate(1 / mean))
        # One in ten comes earlier, and one in ten later.
        lower, upper = 1 + mean // 10, 1 + round(mean * 2.3026)
        lines.append(answer(str(number), mean, f"{lower},{upper if upper < HORIZON else ''}"))
        days[str(number)] = [90, MADE + waited]
    file = write(tmp_path, *lines)
    for until in (130, 150, 190):
        known = {who: [number for number in numbers if number <= until] for who, numbers in days.items()}
        told = judge(file, known, until=until)
        assert told["realised_share_inside_interval"] == pytest.approx(0.8, abs=0.05), until


@pytest.mark.parametrize(("until", "days", "score"), [
    (130, 30, 0.3),
    (129, 30, None),
    (129, 29, 0.3),
    (400, None, None),
])  # fmt: skip
def test_probabilities_are_judged_once_their_days_have_passed(
    tmp_path: Path, until: int, days: int | None, score: float | None
) -> None:
    file = write(
        tmp_path, answer("a", 90, chance="0.6"), answer("b", 20, chance="0.4"), answer("c", 20, chance="0.6")
    )
    told = judge(file, {"a": [90], "b": [90, 129], "c": [90, 131, 132]}, until=until, probability_days=days)
    # 0.6, 1 - 0.4 and 0.6: who comes back a day later has not come back within the days.
    assert told["realised_brier_score"] == (None if score is None else 0.36)


@pytest.mark.parametrize(("horizon", "until", "error"), [(30, 150, 0.0), (60, 150, 0.0), (20, 150, 0.0)])
def test_neither_model_is_asked_beyond_its_horizon(tmp_path: Path, horizon: int, until: int, error: float) -> None:
    """The earlier model answered 30 days at most, which for this customer meant: not before."""
    file = write(tmp_path, f"a,{day(90)},{day(MADE)},30.0,,20.0,,0.1,false")
    told = judge(file, {"a": [90, 140]}, until=until, horizon=horizon)
    assert told["realised_mean_absolute_error"] == error
    assert told["realised_share_inside_interval"] == 1.0


@pytest.mark.parametrize("until", [MADE, MADE - 1])
def test_nothing_is_told_before_a_day_has_passed(
    tmp_path: Path, until: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert judge(write(tmp_path, answer("a", 10)), {"a": [90]}, until=until) == NOTHING
    assert f"none of 1 can be judged: the data, of {day(90)} to {day(until)}" in caplog.text


def test_customers_of_whom_nothing_is_known_are_not_judged(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        answer("here", 10),
        # The data begins later: had they come back, they would be in it.
        answer("gone", 90, last=20),
        # It begins before their last order, and does not have it.
        answer("renamed", 90, last=90),
    )
    told = judge(file, {"here": [90, 110], "new": [50, 130]}, until=130)
    assert told["realised_customers"] == 2
    assert told["realised_mean_absolute_error"] == 0.0


def test_data_that_begins_after_the_answers_tells_nothing(tmp_path: Path) -> None:
    assert judge(write(tmp_path, answer("a", 10)), {"a": [102, 130]}, until=130) == NOTHING
    told = judge(write(tmp_path, answer("a", 10)), {"a": [101, 130]}, until=130)
    assert told["realised_customers"] == 1


def test_of_several_answers_the_newest_that_can_be_judged_counts(tmp_path: Path) -> None:
    files = [
        write(tmp_path, answer("a", 30, made=110), answer("b", 20), name="1"),
        write(tmp_path, answer("a", 10, made=95), answer("a", 99, made=140), name="2"),
    ]
    told = judge(files, {"a": [90, 120], "b": [90, 120]}, until=140)
    assert told["realised_customers"] == 2
    # 30 days said on day 110, and 10 waited.
    assert told["realised_mean_absolute_error"] == 10.0
    assert told["realised_age_days"] == 30


EARLIER_VERSION = "CustomerID,last_order_date,predicted_days,lower_days,upper_days,predicted_date"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"{EARLIER_VERSION}\na,2011-04-01,20.0,10.0,40.0,2011-04-21\n", "has no column as_of"),
        ("3\n3\n", "has no column CustomerID, as_of, predicted_days"),
        ("", "cannot be read"),
        (f"{HEADER}\na,b\n1,2,3,4,5,6,7,8,9,10,11\n", "cannot be read"),
        ("{broken\n", "cannot be read"),
        ('{"a": {"b": 1}}\n', "has no column"),
        ("\x1f\x8bpacked", "cannot be read"),
        (f"{HEADER}\n,,,,,,,,\n", "1 lines of x.out are not judged"),
        (f"{HEADER}\n{HEADER}\na,2011-04-01,11.4.2011,20,,,,,\nb,2011-04-01,2011-04-11,nan,,,,,\n", "3 lines of x.out"),
        (f"{HEADER}\na,2011-04-01,2011-04-11,-5,,,,,\nb,2011-04-01,2011-04-11,inf,,,,,\n", "2 lines of x.out"),
    ],
    ids=[
        "earlier version", "other image", "empty", "ragged", "broken JSON", "nested JSON", "packed", "empty line",
        "no values", "impossible values",
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_judged_is_told_and_harms_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str, said: str
) -> None:
    bad = tmp_path / "x.out"
    bad.write_bytes(content.encode("latin-1"))
    days = {"a": [90, 110]}
    assert judge(bad, days, until=130) == NOTHING
    (told,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "x.out" in told
    assert said in told
    good = write(tmp_path, answer("a", 10))
    assert judge([bad, good], days, until=130) == judge(good, days, until=130) != NOTHING


def test_a_folder_or_a_file_that_is_gone_harms_nothing(tmp_path: Path) -> None:
    assert judge([tmp_path, tmp_path / "gone"], {"a": [90]}, until=130) == NOTHING


def test_bytes_of_any_kind_harm_nothing(tmp_path: Path) -> None:
    chance = random.Random(5)  # noqa: S311 - test data
    whole = "\n".join([HEADER, *(answer(f"c{n}", n, "1.0,9.0", "0.5") for n in range(1, 30))]).encode()
    file = tmp_path / "x.out"
    for _ in range(300):
        body = bytearray(whole)
        for _ in range(chance.randrange(1, 20)):
            body[chance.randrange(len(body))] = chance.randrange(256)
        file.write_bytes(bytes(body[: chance.randrange(len(body))]))
        told = judge(file, {"c1": [90, 110], "c2": [90]}, until=130)
        assert told.keys() == NOTHING.keys()


def test_json_lines_are_answers_too(tmp_path: Path) -> None:
    lines = [answer("17850", 20, "10.0,30.0", "0.8"), answer("12346", 90, "30.0,", "0.1")]
    csv = write(tmp_path, *lines)
    days = {"17850": [90, 120], "12346": [90, 170]}
    rows = pl.read_csv(csv).with_columns(pl.col("overdue").cast(pl.String)).to_dicts()
    (tmp_path / "x.jsonl.out").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    told = judge(tmp_path / "x.jsonl.out", days, until=200)
    assert told == judge(csv, days, until=200)
    assert told["realised_customers"] == 2


def test_ids_with_commas_quotes_and_spaces_are_found(tmp_path: Path) -> None:
    file = write(tmp_path, answer('"Smith, ""Jo"""', 20), answer("台北", 20))
    told = judge(file, {'Smith, "Jo"': [90, 120], "台北": [90, 120]}, until=200)
    assert (told["realised_customers"], told["realised_mean_absolute_error"]) == (2, 0.0)


@pytest.mark.parametrize(
    ("text", "days"),
    [("30", 30), ("", None), ("0", None), ("-3", None), ("x", None), ("٣", None), ("1.5", None)],
)
def test_days_of_probabilities_are_those_that_the_pipeline_says(text: str, days: int | None) -> None:
    assert read_probability_days({"predictions_probability_days": text}) == days
    assert read_probability_days({}) is None


def test_a_training_tells_how_the_channels_predictions_did(tmp_path: Path) -> None:
    paths = ContainerPaths(tmp_path)
    shop = make_shop(customers=120)
    write_lines(paths.channel("training") / "Online_Retail.csv", shop)
    made = max(line.moment for line in shop).date() - timedelta(days=40)
    customers = {
        line.customer: line.moment.date() for line in shop if line.customer and line.moment.date() <= made
    }
    folder = paths.channel("predictions")
    folder.mkdir(parents=True)
    write(folder, *(f"{who},{last},{made},20.0,{_after(made, 20)},,,0.5,false" for who, last in customers.items()))
    train(paths, {"predictions_probability_days": "30"})
    metrics = json.loads((paths.output_data / "metrics.json").read_text())
    assert metrics["realised_customers"] > 60
    assert metrics["realised_brier_score"] == 0.25
    assert metrics["realised_age_days"] == 40
    assert 0 < metrics["realised_mean_absolute_error"] <= 20


def test_a_training_without_the_channel_has_nothing_to_tell(shop_folder: ContainerPaths) -> None:
    metrics = json.loads((shop_folder.output_data / "metrics.json").read_text())
    assert NOTHING.items() <= metrics.items()


def _after(made: date, days: int) -> date:
    return made + timedelta(days=days)
