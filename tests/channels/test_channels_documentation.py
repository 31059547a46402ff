"""What docs/channels.md and docs/adding-a-channel.md show is what the program does."""

import hashlib
import hmac
import json
import re
import shutil
import subprocess
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import select

from api.cli import main
from api.seed import load
from channels import gateway
from channels.errors import InvalidSignature, MalformedPayload, UnsupportedPayload
from channels.models import InboundItem
from channels.protocol import ChannelAdapter, RawItem
from channels.registry import install
from tests import make
from tests.channels import letters
from tests.conftest import NOON
from ticketing.envelope import Channel, MessageState
from ticketing.models import Inbox
from ticketing.secrets import encrypt
from ticketing.store import db
from ticketing.transaction import transaction

DOCS = Path(__file__).parent.parent.parent / "docs"
CHANNELS = (DOCS / "channels.md").read_text(encoding="utf-8")
ADDING = (DOCS / "adding-a-channel.md").read_text(encoding="utf-8")
ADDRESS = re.compile(
    r"(?:https://support\.example\.com|http://127\.0\.0\.1:8000|`(?:POST |GET )|`(?=/inbound))(/[\w/.{}-]+)"
)


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks in a language, "" for none."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return [content for marked, content in found if marked == language]


def test_a_mail_is_read_as_the_page_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (mail,) = [block for block in blocks(CHANNELS, "") if block.startswith("From:")]
    (tmp_path / "mail.eml").write_text(mail, encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    printed = CliRunner().invoke(main, ["inbound", "parse", "--jsonl", "mail.eml"])

    (shown,) = blocks(CHANNELS, "json")
    assert json.loads(printed.output) == json.loads(shown)
    assert list(json.loads(printed.output)) == list(json.loads(shown))


def test_every_address_on_the_page_is_a_door(sqlite_app: Flask) -> None:
    named = {urlsplit(one).path for one in ADDRESS.findall(CHANNELS)}
    rules = {re.sub(r"<[^>]+>", "{id}", str(rule)) for rule in sqlite_app.url_map.iter_rules()}

    assert len(named) >= 10
    assert named <= rules


def test_the_inboxes_on_the_page_can_be_loaded(sqlite_app: Flask) -> None:
    (shown,) = blocks(CHANNELS, "toml")

    with transaction("init"):
        load(tomllib.loads(shown), sqlite_app.extensions["comptoir.settings"], at=NOON)

    inboxes = db.session().scalars(select(Inbox).order_by(Inbox.id)).all()
    assert [one.channel for one in inboxes] == [Channel.EMAIL, Channel.SMS, Channel.PHONE, Channel.CHAT]


@pytest.mark.skipif(shutil.which("curl") is None, reason="the script on the page needs curl")
def test_the_script_for_a_pipe_brings_a_mail_and_says_when_to_come_again(desk: Flask, tmp_path: Path) -> None:
    settings = desk.extensions["comptoir.settings"]
    make.inbox(Channel.EMAIL, address=letters.US, secret=encrypt("the secret", settings.secret_key))
    (script,) = [block for block in blocks(CHANNELS, "sh") if block.startswith("#!/bin/sh")]
    (tmp_path / "header").write_text("Authorization: Bearer the secret\n", encoding="ascii")

    def bring(mail: bytes, at: str = settings.local_url, sender: str = "lucie@home.example") -> int:
        ours = script.replace("https://support.example.com", at).replace("/etc/comptoir/header", f"{tmp_path}/header")
        return subprocess.run(
            ["sh", "-c", ours, "comptoir-mail", sender, letters.US], input=mail, check=False
        ).returncode

    assert bring(letters.mail("<1@home.example>", "Kettle", "It drips.")) == 0
    assert bring(letters.mail("<2@home.example>", "Kettle", "Away."), sender="") == 0
    assert bring(b"") == 0
    assert bring(b"x", at="http://127.0.0.1:9") == 75
    (tmp_path / "header").write_text("Authorization: Bearer wrong\n", encoding="ascii")
    assert bring(b"x") == 75
    items = db.session().scalars(select(InboundItem).order_by(InboundItem.id)).all()
    assert [item.meta.get("envelope_sender") for item in items] == ["lucie@home.example", "", "lucie@home.example"]
    assert {item.meta["envelope_recipient"] for item in items} == {letters.US}


KEY = "pigeon's key"


def pigeon() -> ChannelAdapter:
    """The adapter that docs/adding-a-channel.md shows; nobody listens at its provider's address."""
    (source,) = blocks(ADDING, "python")
    found: dict[str, Any] = {}
    exec(compile(source, "docs/adding-a-channel.md", "exec"), found)
    adapter: ChannelAdapter = found["PigeonChannel"](KEY, "http://127.0.0.1:9")
    return adapter


def posted(kind: str, data: Any) -> RawItem:
    body = json.dumps(data).encode()
    signature = hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()
    return RawItem(Channel.SMS, kind, body, NOON, headers={"x-pigeon-signature": signature})


TEXT = {"id": "p1", "from": "+14165550177", "to": "+15145550123", "text": "Coo"}


def test_the_example_takes_a_message_in(sqlite_app: Flask) -> None:
    (shown,) = blocks(CHANNELS, "toml")
    with transaction("init"):
        load(tomllib.loads(shown), sqlite_app.extensions["comptoir.settings"], at=NOON)
    install(sqlite_app, {Channel.SMS: pigeon()})

    first, again = (gateway.receive(posted("message", TEXT), at=NOON) for _ in range(2))

    assert first.ticket_id is not None
    assert again.duplicate


def test_the_example_tells_the_kinds_of_trouble_apart() -> None:
    channel = pigeon()

    with pytest.raises(InvalidSignature):
        channel.verify(replace(posted("message", TEXT), body=b"{}"))
    with pytest.raises(MalformedPayload):
        channel.parse(posted("message", ["no", "message"]))
    with pytest.raises(UnsupportedPayload):
        channel.parse(posted("receipt", {"id": "p1", "from": "+15145550123", "state": "in the air"}))


def test_the_example_reads_a_receipt() -> None:
    parsed = pigeon().parse(posted("receipt", {"id": "p1", "from": "+15145550123", "state": "delivered"}))

    assert parsed.key == "p1:delivered"
    assert getattr(parsed.content, "state", None) is MessageState.DELIVERED
