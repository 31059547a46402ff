"""`comptoir inbound parse`: an answer for every file, in order."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from api.cli import main
from tests.channels.email.raw_mails import mail


def parsed(*files: str) -> list[dict[str, object]]:
    printed = CliRunner().invoke(main, ["inbound", "parse", "--jsonl", *files])
    assert (printed.exit_code, printed.exception) == (0, None)
    return [json.loads(line) for line in printed.output.splitlines()]


def test_every_file_is_answered_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mail.eml").write_bytes(mail())
    Path("empty.eml").touch()
    Path("bytes.eml").write_bytes(bytes(range(256)) * 4_000)
    Path("folder").mkdir()
    files = ["folder", "empty.eml", "absent.eml", "bytes.eml", "mail.eml"]

    answers = parsed(*files)

    assert [answer["file"] for answer in answers] == files
    assert [bool(answer["error"]) for answer in answers] == [True, False, True, False, False]
    assert answers[2] == {"file": "absent.eml", "error": "cannot be read: No such file or directory"}
    assert answers[4]["subject"] == "Printer"


def test_a_file_whose_name_is_no_text_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = b"\xff.eml".decode(errors="surrogateescape")
    Path(name).write_bytes(mail())

    assert [(answer["file"], answer["subject"]) for answer in parsed(name)] == [("\ufffd.eml", "Printer")]


def test_an_answer_is_one_line_whatever_the_mail_says(tmp_path: Path) -> None:
    (tmp_path / "mail.eml").write_bytes(mail("one\u2028two\u2029three\x85four\x1efive\x0csix".encode()))

    (answer,) = parsed(str(tmp_path / "mail.eml"))

    assert answer["text"] == "one\u2028two\u2029three\x85four\x1efive\x0csix"
