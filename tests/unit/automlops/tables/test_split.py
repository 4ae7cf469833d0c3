"""One big file cut into items."""

from __future__ import annotations

import csv
import gzip
import io
import lzma
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automlops.errors import CommandError
from automlops.tables import split as split_module
from automlops.tables.split import split_table
from tests.unit.automlops.tables.workbooks import zip_of

HEADER = b"Id,Country,Note\n"

# csv.writer of Python 3.11 leaves a lone carriage return unquoted, which ends a record for every reader.
cells = st.lists(st.sampled_from([*'ab ,"\n/é台.', "\r\n"]), max_size=6).map("".join)
countries = st.text(alphabet=st.sampled_from('aAb ,"/é台.'), max_size=4)


def table_in(folder: Path, content: bytes, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@given(
    rows=st.lists(st.tuples(cells, countries, cells), min_size=1),
    line_end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    with_mark=st.booleans(),
)
def test_every_row_with_a_value_is_byte_for_byte_in_exactly_one_file(
    rows: list[tuple[str, str, str]], line_end: str, quoting: int, with_mark: bool
) -> None:
    def lines(*wanted: tuple[str, str, str]) -> bytes:
        text = io.StringIO()
        csv.writer(text, lineterminator=line_end, quoting=quoting).writerows(wanted)  # type: ignore[arg-type]  # an int from csv
        return text.getvalue().encode()

    header = (b"\xef\xbb\xbf" if with_mark else b"") + lines(("Id", "Country", "Note"))
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        source = table_in(folder, header + lines(*rows))
        if not any(country.strip() for _, country, _ in rows):
            with pytest.raises(CommandError, match="no row with a Country"):
                split_table(source, "Country", folder / "out")
            return
        found = split_table(source, "Country", folder / "out")
        expected: dict[str, bytes] = {}
        for row in rows:
            if value := row[1].strip():
                expected[value] = expected.get(value, header) + lines(row)
        assert {part.value: part.path.read_bytes() for part in found.parts} == expected
        assert len({part.item for part in found.parts}) == len(expected)
        assert sum(part.rows for part in found.parts) + found.rows_without_value == len(rows)
        assert {path.name for path in (folder / "out").iterdir()} == {part.path.name for part in found.parts}


def test_latin_1_file_stays_latin_1_and_its_values_are_read(tmp_path: Path) -> None:
    source = table_in(tmp_path, HEADER + "1,Curaçao,café\n".encode("latin-1"))
    [part] = split_table(source, "Country", tmp_path / "out").parts
    assert part.value == "Curaçao"
    assert part.path.name == "Curaçao.csv"
    assert part.path.read_bytes().endswith("1,Curaçao,café\n".encode("latin-1"))


def test_byte_order_mark_is_no_part_of_the_first_columns_name(tmp_path: Path) -> None:
    source = table_in(tmp_path, b"\xef\xbb\xbfCountry,Id\nFrance,1\n")
    [part] = split_table(source, "Country", tmp_path / "out").parts
    assert part.path.read_bytes() == source.read_bytes()


def test_value_from_windows_is_read(tmp_path: Path) -> None:
    source = table_in(tmp_path, HEADER + "1,Euro €,x\n".encode("cp1252"))
    assert split_table(source, "Country", tmp_path / "out").parts[0].value == "Euro €"


def test_out_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    source = table_in(tmp_path, HEADER + b"1,France,x\n")
    with pytest.raises(CommandError, match="Cannot write into"):
        split_table(source, "Country", source / "out")


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress], ids=["gzip", "xz"])
def test_packed_file_is_read_whatever_its_name(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    source = table_in(tmp_path, pack(HEADER + b"1,France,x\n"))
    [part] = split_table(source, "Country", tmp_path / "out").parts
    assert part.path.read_bytes() == HEADER + b"1,France,x\n"


def test_rows_that_are_too_short_count_as_without_a_value(tmp_path: Path) -> None:
    source = table_in(tmp_path, HEADER + b"1,France,x\n2\n\n3,,x\n")
    found = split_table(source, "Country", tmp_path / "out")
    assert (found.rows_without_value, [part.rows for part in found.parts]) == (2, [1])


def test_only_the_wanted_values_are_written(tmp_path: Path) -> None:
    source = table_in(tmp_path, HEADER + b'1,France,x\n2,"Korea, South",x\n3,Spain,x\n')
    found = split_table(source, "country", tmp_path / "out", only=["Korea, South", "Spain"])
    assert {part.value for part in found.parts} == {"Korea, South", "Spain"}


def test_rows_are_complete_when_they_go_to_disk_in_many_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(split_module, "MAX_WAITING_CHARACTERS", 30)
    rows = [f"{n},Country {n % 7},x\n" for n in range(200)]
    source = table_in(tmp_path, HEADER + "".join(rows).encode())
    found = split_table(source, "Country", tmp_path / "out")
    third = next(part for part in found.parts if part.value == "Country 3")
    assert third.path.read_text() == HEADER.decode() + "".join(rows[3::7])


def test_value_that_no_item_can_have_gets_an_items_name(tmp_path: Path) -> None:
    source = table_in(tmp_path, HEADER + b"1,A/B,x\n")
    [part] = split_table(source, "Country", tmp_path / "out").parts
    assert part.item == part.path.stem != "A/B"


def test_existing_file_is_neither_replaced_nor_joined_by_others(tmp_path: Path) -> None:
    source = table_in(tmp_path, HEADER + b"1,Spain,x\n2,France,x\n")
    out = tmp_path / "out"
    out.mkdir()
    (out / "France.csv").write_text("mine")
    with pytest.raises(CommandError, match=r"France\.csv already exists"):
        split_table(source, "Country", out)
    assert {path.name: path.read_text() for path in out.iterdir()} == {"France.csv": "mine"}


def test_existing_file_is_replaced_by_force(tmp_path: Path) -> None:
    source = table_in(tmp_path, HEADER + b"1,France,x\n")
    (tmp_path / "France.csv").write_text("old")
    split_table(source, "Country", tmp_path, force=True)
    assert (tmp_path / "France.csv").read_bytes() == HEADER + b"1,France,x\n"


def test_source_itself_is_never_replaced(tmp_path: Path) -> None:
    source = table_in(tmp_path, HEADER + b"1,France,x\n", name="France.csv")
    with pytest.raises(CommandError, match="is the file that is being split"):
        split_table(source, "Country", tmp_path, force=True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(HEADER, "no row with a Country", id="header only"),
        pytest.param(b"Id;Country\n1;France\n", r"no column 'Country'", id="semicolons"),
        pytest.param(
            HEADER + b'1,France,x\n2,"Spain,x\n3,Italy,x\n', r"line 3: a quote is opened", id="open quote"
        ),
        pytest.param("Id,Country\n".encode("utf-16"), "UTF-16", id="utf-16"),
        pytest.param(b"PK\x03\x04rest", "is a damaged workbook or zip file", id="half a zip"),
        pytest.param(zip_of({"a.csv": "Id,Country\n1,France\n"}), "is a zip file: unpack it", id="zip"),
        pytest.param(b"PAR1rest", "is a Parquet file whose end is missing", id="half a Parquet file"),
        pytest.param(b"PAR1restPAR1", "cannot be read as a Parquet file", id="damaged Parquet file"),
        pytest.param(b"\x7fELF\x02\x01\x01\x00" * 9, "is not a text table", id="program"),
        pytest.param(b"\x89\xf5\xb1e\x15,\x0e\nab\n", "is not a text table", id="noise"),
        pytest.param("Id,Country\n1,x\n".encode("utf-16-le"), "is not a text table", id="utf-16 without a mark"),
        pytest.param(gzip.compress(b"\x00" * 9000), "is not a text table", id="packed zeros"),
        pytest.param(gzip.compress(HEADER * 99)[:-9], "compressed, and damaged", id="cut gzip"),
        pytest.param(lzma.compress(HEADER * 99)[:-9], "compressed, and damaged", id="cut xz"),
        pytest.param(gzip.compress(HEADER)[:-8] + bytes(8), "compressed, and damaged", id="gzip of a wrong sum"),
        pytest.param(gzip.compress(HEADER)[:10] + b"\xff" * 20, "compressed, and damaged", id="gzip of noise"),
        pytest.param(lzma.compress(HEADER)[:12] + b"\xff" * 20, "compressed, and damaged", id="xz of noise"),
    ],
)
def test_unusable_file_is_refused_and_leaves_nothing(tmp_path: Path, content: bytes, message: str) -> None:
    source = table_in(tmp_path, content)
    with pytest.raises(CommandError, match=message):
        split_table(source, "Country", tmp_path / "out")
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress], ids=["plain", "gzip", "xz"])
@pytest.mark.parametrize("line_end", [b"", b"\n", b"\r\n"], ids=["no line end", "line feed", "both"])
@pytest.mark.parametrize(
    ("rows", "line"),
    [
        pytest.param(b'1,France,x\n2,Spain,"open', 3, id="last field"),
        pytest.param(b'1,France,x\n2,"Spain,x', 3, id="field before"),
        pytest.param(b'1,France,x\n2,Spain,"', 3, id="nothing behind"),
        pytest.param(b'1,France,x\n2,Spain,"5""', 3, id="doubled quote"),
        pytest.param(b'1,France,"a\nb"\n\n2,Spain,"open', 5, id="after a record of two lines and a blank one"),
        pytest.param(b'1,France,"5"" and\n2,Spain,""', 2, id="several lines"),
    ],
)
def test_quote_left_open_at_the_end_is_refused_and_leaves_nothing(
    tmp_path: Path, rows: bytes, line: int, line_end: bytes, pack: Callable[[bytes], bytes]
) -> None:
    source = table_in(tmp_path, pack(HEADER + rows + line_end))
    with pytest.raises(CommandError) as refused:
        split_table(source, "Country", tmp_path / "out")
    assert refused.value.lines == (
        f"{source}, line {line}: a quote is opened here and never closed.",
        'Close it, or write "" for a quote that belongs to the text.',
    )
    assert not any((tmp_path / "out").iterdir())


def test_quote_left_open_in_the_header_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="line 1: a quote is opened here"):
        split_table(table_in(tmp_path, b'Id,"Country'), "Country", tmp_path / "out")


@pytest.mark.parametrize(
    "row", [b'2,France,5" tall', b'2,France,"a\nb" 5"', b'2,France,"a ""b"""', b'2,France,""'], ids=ascii
)
@pytest.mark.parametrize("line_end", [b"", b"\n"], ids=["no line end", "line end"])
def test_quotes_that_are_closed_or_text_do_not_stop_the_last_row(
    tmp_path: Path, row: bytes, line_end: bytes
) -> None:
    source = table_in(tmp_path, HEADER + b"1,France,x\n" + row + line_end)
    [part] = split_table(source, "Country", tmp_path / "out").parts
    assert part.path.read_bytes() == source.read_bytes()


def test_value_that_is_not_there_is_answered_with_the_near_and_the_large_ones(tmp_path: Path) -> None:
    source = table_in(tmp_path, HEADER + b"1,France,x\n2,Germany,x\n3,Germany,x\n")
    with pytest.raises(CommandError) as refused:
        split_table(source, "Country", tmp_path / "out", only=["france", "Mars"])
    assert refused.value.lines == (
        f"{source} has no row whose Country is 'france'. Did you mean 'France'?",
        f"{source} has no row whose Country is 'Mars'.",
        "There are, the largest first: Germany, France.",
    )


def test_unknown_column_is_answered_with_the_columns_there_are(tmp_path: Path) -> None:
    source = table_in(tmp_path, HEADER + b"1,France,x\n")
    with pytest.raises(CommandError, match="Its columns: Id, Country, Note"):
        split_table(source, "Land", tmp_path / "out")


@pytest.mark.parametrize(
    ("separator", "called"), [(";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars"), (" ", None)]
)
def test_other_separator_is_named(tmp_path: Path, separator: str, called: str | None) -> None:
    source = table_in(tmp_path, f"Id{separator}Country\n1{separator}France\n".encode())
    with pytest.raises(CommandError, match="no column 'Country'") as refused:
        split_table(source, "Country", tmp_path / "out")
    hints = [line for line in refused.value.lines if "separated by" in line]
    assert hints == ([f"It seems to be separated by {called}: save it with commas."] if called else [])


def test_listed_names_are_cut_and_keep_to_their_line(tmp_path: Path) -> None:
    many = ",".join(f"c{n}" for n in range(50))
    source = table_in(tmp_path, f'{"x" * 500},"a\n\x1b[31mb",{many}\n1,2,3\n'.encode())
    with pytest.raises(CommandError) as refused:
        split_table(source, "Land", tmp_path / "out")
    line = refused.value.lines[1]
    assert line.isprintable()
    assert f"{'x' * 40}…, a\\n\\x1b[31mb, c0, " in line
    assert line.endswith("c17 and 32 more.")
