"""CSV for spreadsheets: what could run is quoted, what is harmless survives."""

import csv
import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.spreadsheet import BOM, QUOTES, cell, lines

DANGEROUS = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "  =1+1",
    '"=1+1',
    "'=1+1",
    " \" ' =1+1",
    "\u200b=1+1",
    "\u00a0=1+1",
    "\uff1d1+1",  # full-width =
    "\uff0bcmd",
    "\uff0dcmd",
    "\uff20SUM(A1)",
    "-5+cmd|' /C calc'!A0",
    "+49 30 1234=1",
    "-",
    "=",
]


@pytest.mark.parametrize("text", DANGEROUS)
def test_what_could_run_as_a_formula_is_text(text: str) -> None:
    assert cell(text) == "'" + text


@pytest.mark.parametrize(
    "text", ["-5", "-5.25", "-5,25", "+5", "+49 30 1234", "+15145550123", "Karim", "", "a=1", "1-2", "é", "3 @ 5"]
)
def test_what_is_harmless_survives(text: str) -> None:
    assert cell(text) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (-5, "-5"),
        (-5.25, "-5.25"),
        (["a", "b"], "a, b"),
        (["=1", "b"], "'=1, b"),
        ({}, "{}"),
    ],
)
def test_values_become_text(value: object, text: str) -> None:
    assert cell(value) == text


ODD = st.text(alphabet=st.sampled_from(" \t\r\n'\"=+-@\uff1d\uff0b\uff0d\uff20,;0159.aé\u200b\ufeff")) | st.text()


@given(ODD)
def test_no_cell_begins_with_what_a_spreadsheet_runs(text: str) -> None:
    shown = _read("".join(lines(["name"], [[text]])))[1][0]

    assert shown.removeprefix("'") == text or shown == text
    assert shown[:1] not in {"\t", "\r", "\n"}
    bare = "".join(
        c for c in shown if unicodedata.category(c) not in {"Cc", "Cf"} and not c.isspace() and c not in QUOTES
    )
    if shown == text and unicodedata.normalize("NFKC", bare[:1]) in {"=", "+", "-", "@"}:
        assert all(c in "+-0123456789., " for c in shown)
        assert shown.lstrip("+-")[0].isdecimal()


def test_a_long_list_is_written_in_pieces() -> None:
    parts = list(lines(["number"], ([n] for n in range(1000))))

    assert len(parts) > 4
    assert [row[0] for row in _read("".join(parts))] == ["number", *map(str, range(1000))]


def _read(text: str) -> list[list[str]]:
    assert text.startswith(BOM)
    return list(csv.reader(io.StringIO(text.removeprefix(BOM), newline="")))
