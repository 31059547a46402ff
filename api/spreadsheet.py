"""CSV for spreadsheets: no cell is ever run as a formula, and what is harmless survives as it is.

UTF-8 with a byte order mark, without which Excel takes it for another encoding and breaks every accent.
A spreadsheet takes a cell for a formula by its first character: https://owasp.org/www-community/attacks/CSV_Injection
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from enum import Enum
from itertools import chain
from typing import Any

import orjson
from flask import Response, current_app, stream_with_context

from ticketing.moment import rfc3339

BOM = "\ufeff"
ROWS_AT_ONCE = 200
TRIGGERS = frozenset("=+-@")
QUOTES = frozenset("'\"`´‘’‚‛“”„‟«»")
# A number or a phone number: nothing in it could be run.
HARMLESS = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)*|\+[0-9]+(?: [0-9]+)*", re.ASCII)


def cell(value: Any) -> str:
    """Return a value as the text of a cell. None is empty; a list is joined by commas; a dict is JSON."""
    text = _text(value)
    return "'" + text if _could_run(text) else text


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, dict):
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    if isinstance(value, list | tuple):
        return ", ".join(_text(one) for one in value)
    return str(value)


def _could_run(text: str) -> bool:
    """Say whether some spreadsheet may see a formula there: behind blanks, quotes and what is not visible, too."""
    if text[:1] in {"\t", "\r", "\n"}:
        return True
    if HARMLESS.fullmatch(text):
        return False
    first = next((char for char in text if not _is_overlooked(char)), "")
    # Full-width variants and other look-alikes are folded to what they stand for.
    return any(char in TRIGGERS for char in unicodedata.normalize("NFKC", first)) or first in LOOK_ALIKES


LOOK_ALIKES = frozenset("−‐‑–—﹣")  # minus signs that some programs correct to one


def _is_overlooked(char: str) -> bool:
    return char in QUOTES or char.isspace() or unicodedata.category(char) in {"Cc", "Cf", "Zs", "Zl", "Zp"}


def lines(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """Return the CSV, some rows at a time."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    buffer.write(BOM)
    writer.writerow(cell(name) for name in header)
    for number, row in enumerate(rows, 1):
        writer.writerow(cell(value) for value in row)
        if number % ROWS_AT_ONCE == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text


def flat(shown: Mapping[str, Any], columns: Iterable[str]) -> list[Any]:
    """Return a thing's values by the names of columns; `queue.name` is the name of its queue."""
    return [_at(shown, name.split(".")) for name in columns]


def _at(found: Any, path: list[str]) -> Any:
    for name in path:
        found = found.get(name) if found is not None else None
    return found


def csv_response(filename: str, header: Iterable[str], rows: Iterable[Iterable[Any]]) -> Response:
    """Answer with a CSV that is written while it is read."""
    content = (part.encode("utf-8", "replace") for part in lines(header, rows))
    first = next(content)  # what is wrong with the question comes out before anything is answered
    answer: Response = current_app.response_class(stream_with_context(chain([first], content)), mimetype="text/csv")
    answer.headers.set("Content-Disposition", "attachment", filename=filename)
    return answer
