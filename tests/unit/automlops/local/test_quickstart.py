"""The newcomer's first run, with nothing behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from rich.console import Console

from automlops.errors import CommandError
from automlops.local import quickstart as quickstart_module
from automlops.local.quickstart import quickstart
from automlops.runs.request import Order
from automlops.runs.results import Results
from automlops.wording import program
from pipeline.manifest import Counts, Manifest

Verdict = Literal["SUCCEEDED", "FAILED"]


@pytest.fixture
def verdict() -> Verdict:
    """Of every run; tests parametrise it."""
    return "SUCCEEDED"


@pytest.fixture
def orders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, verdict: Verdict) -> list[Order]:
    """Return what would have been run."""
    found: list[Order] = []
    predictions = tmp_path / "predictions.csv"
    predictions.write_text("CustomerID,days\n" + "".join(f"{n},{n}\n" for n in range(100)))

    def remember(_console: Console, _connection: object, _stack: str, order: Order, **_options: Any) -> Results:
        found.append(order)
        counts = Counts(total=1, succeeded=1, failed=0, unfinished=0)
        manifest = Manifest(run_id="x", verdict=verdict, counts=counts, items=[])
        return Results(tmp_path, manifest, {"Spain": [predictions]})

    @contextmanager
    def no_emulator() -> Iterator[str]:
        yield "http://127.0.0.1:1"

    monkeypatch.setattr(quickstart_module, "run_order", remember)
    monkeypatch.setattr(quickstart_module, "local_emulator", no_emulator)
    return found


def table(folder: Path) -> Path:
    path = folder / "table.csv"
    sizes = {"Spain": 5, "France": 4, "Italy": 3, "Malta": 1}
    path.write_text("Id,Country\n" + "".join(f"{n},{name}\n" for name, size in sizes.items() for n in range(size)))
    return path


def test_without_data_three_made_up_items_run(orders: list[Order], console: Console, tmp_path: Path) -> None:
    quickstart(console, None, "Country", [], tmp_path / "out")
    [order] = orders
    assert order.request["itemList"] == ["United Kingdom", "Germany", "France"]
    assert all(file.path.stat().st_size > 100_000 for file in order.files)


def test_countries_of_the_sample_can_be_asked_for(orders: list[Order], console: Console, tmp_path: Path) -> None:
    quickstart(console, None, "Country", ["Germany", "France"], tmp_path / "out")
    quickstart(console, None, "Country", ["Spain"], tmp_path / "out")
    assert [order.request["itemList"] for order in orders] == [["Germany", "France"], ["Spain"]]


def test_country_that_the_sample_has_not_is_answered_with_those_it_has(
    orders: list[Order], console: Console, tmp_path: Path
) -> None:
    with pytest.raises(CommandError, match=r"no country 'Mars'\.\nIt has: United Kingdom, Germany, France, "):
        quickstart(console, None, "Country", ["France", "Mars"], tmp_path / "out")
    assert not orders
    assert not (tmp_path / "out").exists()


def test_largest_three_of_the_data_run_unless_others_are_named(
    orders: list[Order], console: Console, tmp_path: Path
) -> None:
    quickstart(console, table(tmp_path), "Country", [], tmp_path / "out")
    quickstart(console, table(tmp_path), "Country", ["Malta", "France"], tmp_path / "out")
    assert [order.request["itemList"] for order in orders] == [["Spain", "France", "Italy"], ["France", "Malta"]]


@pytest.mark.parametrize(
    ("typed", "on_path", "shown_as"),
    [
        (".venv/bin/automlops", False, ".venv/bin/automlops"),
        (".venv/bin/automlops", True, "automlops"),
        ("/usr/bin/pytest", False, "automlops"),
    ],
    ids=["by path", "on the path", "from elsewhere"],
)
def test_command_to_type_is_one_that_the_shell_finds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, typed: str, on_path: bool, shown_as: str
) -> None:
    if on_path:
        (tmp_path / "automlops").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.argv", [typed])
    assert program() == shown_as


@pytest.mark.usefixtures("orders")
def test_end_shows_predictions_and_what_to_type_next(
    console: Console, shown: Callable[[], str], tmp_path: Path
) -> None:
    quickstart(console, table(tmp_path), "Country", ["Spain"], tmp_path / "out")
    assert "  CustomerID,days\n  0,0\n" in shown()
    assert "  99,99" not in shown()
    command = f"automlops run --item Spain={tmp_path / 'out' / 'items' / 'Spain.csv'}"
    assert f"{command} --local\n" in shown()
    assert f"{command} --stack automlops\n" in shown()


@pytest.mark.parametrize("verdict", ["FAILED"])
@pytest.mark.usefixtures("orders")
def test_end_of_a_failed_run_says_where_the_reasons_are(
    console: Console, shown: Callable[[], str], tmp_path: Path
) -> None:
    quickstart(console, table(tmp_path), "Country", [], tmp_path / "out")
    assert "What to type next" not in shown()
    assert f"{tmp_path / 'manifest.json'}, under reason" in shown()
