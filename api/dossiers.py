"""Write all that we hold of a person into a zip: one JSON file, the messages as CSV, and the files.

Written to a temporary file, outside any transaction, piece by piece: neither a long history nor large files are a
question of memory.
"""

import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import IO, Any

import orjson

from api.spreadsheet import lines
from channels.phone.dossier import callbacks_to, calls_with
from channels.webchat.dossier import chats_of
from sla.promises import promises_to
from ticketing.dossier import Dossier
from ticketing.errors import NotFound
from ticketing.files import file_store, pieces

OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
COLUMNS = ("id", "ticket_id", "created_at", "kind", "is_internal", "channel", "agent", "customer", "state", "body")
ABOUT = (
    "All that this desk holds about you. Messages with is_internal are notes that colleagues wrote for each other; "
    "they are about you and were never sent to you."
)
LONGEST_NAME = 100


def written(dossier: Dossier) -> IO[bytes]:
    """Return the zip as a file to read from its beginning, which is gone once it is closed."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - whoever sends it closes it
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        names = {one["id"]: file_name(one) for one in dossier.files()}
        _write(archive, "customer.json", _json(dossier, names))
        rows = ([row[name] for name in COLUMNS] for row in dossier.messages())
        _write(archive, "messages.csv", (part.encode("utf-8", "replace") for part in lines(COLUMNS, rows)))
        missing = [name for one in dossier.files() if (name := _add_file(archive, one)) is not None]
        if missing:
            _write(archive, "missing-files.txt", [f"{name}\n".encode() for name in missing])
    file.seek(0)
    return file


def file_name(attachment: dict[str, Any]) -> str:
    """Return a name that no archiver can be fooled by: one folder, no path, no hidden file, no name twice."""
    kept = "".join(char if char.isalnum() or char in " ._-()" else "_" for char in attachment["filename"])
    stem = kept[-LONGEST_NAME:].strip(" .") or "file"
    return f"files/{attachment['message_id']}-{attachment['id']}-{stem}"


def _json(dossier: Dossier, names: dict[int, str]) -> Iterator[bytes]:
    person, *merged = dossier.profiles()
    head = {
        "about": ABOUT,
        "customer": person,
        "merged": merged,
        "handles": dossier.handles(),
        "consents": dossier.consents(),
        "opt_outs": dossier.opt_outs(),
        "named_on": dossier.named_on(),
    }
    yield orjson.dumps(head, option=OPTIONS)[:-1]
    files = ({**one, "path": names.get(one["id"])} for one in dossier.files())
    promised = promises_to(dossier.persons)
    by_phone = {"calls": calls_with(dossier.persons), "callbacks": callbacks_to(dossier.persons)}
    parts = {"tickets": dossier.tickets(), "messages": dossier.messages(), "files": files, "promises": promised}
    parts |= by_phone | {"chats": chats_of(dossier.persons)}
    for name, rows in parts.items():
        yield b',\n"' + name.encode() + b'": [\n'
        for number, row in enumerate(rows):
            yield (b",\n" if number else b"") + orjson.dumps(row, option=OPTIONS)
        yield b"]"
    yield b"}\n"


def _add_file(archive: zipfile.ZipFile, attachment: dict[str, Any]) -> str | None:
    """Copy a file's bytes; return its name if the store has lost it."""
    try:
        found = file_store().open(attachment["sha256"])
    except NotFound:
        return file_name(attachment)
    with closing(found):
        _write(archive, file_name(attachment), pieces(found))
    return None


def _write(archive: zipfile.ZipFile, name: str, parts: Iterable[bytes]) -> None:
    with archive.open(name, "w", force_zip64=True) as member:
        for part in parts:
            member.write(part)
