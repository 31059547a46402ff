"""`comptoir simulate` and `comptoir sandbox info`, as commands beside a desk that listens."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from api.embedded import ports
from config.settings import Settings
from tests import make
from tests.channels import live_desk
from ticketing.envelope import Channel
from ticketing.models import Message, Ticket
from ticketing.store import db


@dataclass(frozen=True)
class Said:
    """What a command printed, and how it ended."""

    code: int
    out: str
    trouble: str


def comptoir(desk: Flask, *words: str, **variables: str) -> Said:
    settings: Settings = desk.extensions["comptoir.settings"]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("COMPTOIR_", "TWILIO_"))}
    env |= {
        "COMPTOIR_DATABASE_URL": settings.database_url,
        "COMPTOIR_DATA_DIR": str(settings.data_dir),
        "COMPTOIR_PORT": str(settings.port),
        "COMPTOIR_PUBLIC_URL": settings.public_url,
        "COMPTOIR_SANDBOX": "on",
        "COMPTOIR_SECRET_KEY": settings.secret_key,
        "COMPTOIR_SMTP_PORT": str(settings.smtp_port),
        **variables,
    }
    command = [sys.executable, "-c", "from api.cli import main; main(prog_name='comptoir')", *words]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=180, check=False)
    live_desk.settle_session()
    return Said(done.returncode, done.stdout, done.stderr)


def messages() -> list[str]:
    return [row.body for row in db.session().scalars(select(Message).order_by(Message.id))]


def test_a_text_message_arrives(desk: Flask) -> None:
    make.inbox(Channel.SMS)

    said = comptoir(desk, "simulate", "sms", "--body", "Is it ready?")

    assert said.code == 0, said.trouble
    assert "wrote to +15145550100: Is it ready?" in said.out
    assert messages() == ["Is it ready?"]


def test_a_call_with_a_voicemail_arrives(desk: Flask) -> None:
    make.inbox(Channel.PHONE)

    said = comptoir(desk, "simulate", "call", "--from", "anonymous", "--voicemail", "Please call me back")

    assert said.code == 0, said.trouble
    assert "The desk says: Hello" in said.out
    assert "The call is over." in said.out
    assert messages() == ["Called with the number withheld.", "Left a voicemail of 2 seconds."]
    ticket = db.session().scalars(select(Ticket)).one()
    assert (ticket.live, ticket.on_phone) == (True, False)  # a voicemail keeps the place in the line


def test_who_hangs_up_at_the_tone_has_called_all_the_same(desk: Flask) -> None:
    make.inbox(Channel.PHONE)

    said = comptoir(desk, "simulate", "call", "--press", "2")

    assert said.code == 0, said.trouble
    assert "hangs up without a word" in said.out
    assert messages() == ["Called."]


def test_a_mail_and_its_answer_arrive(desk: Flask) -> None:
    make.inbox(Channel.EMAIL)

    first = comptoir(desk, "simulate", "email", "--body", "Where is it?", "--subject", "My kettle")
    message_id = first.out.split()[-1].rstrip(".")
    second = comptoir(desk, "simulate", "email", "--body", "Found it.", "--subject", "Re", "--reply-to", message_id)

    assert (first.code, second.code) == (0, 0), first.trouble + second.trouble
    assert [body.strip() for body in messages()] == ["Where is it?", "Found it."]
    assert db.session().scalars(select(Ticket)).one().subject == "My kettle"


def test_a_chat_arrives(desk: Flask) -> None:
    make.inbox(Channel.CHAT)

    said = comptoir(desk, "simulate", "chat", "--from", "Léa", "--body", "Anybody there?")

    assert said.code == 0, said.trouble
    assert messages() == ["Anybody there?"]
    assert "Place 1 in the line" in said.out


def test_a_visitor_goes_on_with_a_file_and_hears_the_answer(desk: Flask, tmp_path: Path) -> None:
    make.inbox(Channel.CHAT)
    (tmp_path / "kettle.txt").write_text("It drips.")
    typed = ("--email", "lea@home.example", "--language", "fr", "--page", "https://shop.example/")
    first = comptoir(desk, "simulate", "chat", "--from", "Léa", *typed)
    ticket = db.session().scalars(select(Ticket)).one()
    make.reply(ticket, make.agent(name="Ada"), "Oui ?")
    make.work_off()

    token = first.out.split()[-1]
    said = comptoir(desk, "simulate", "chat", "--token", token, "--body", "", "--file", str(tmp_path / "kettle.txt"))
    missing = comptoir(desk, "simulate", "chat", "--token", token, "--file", str(tmp_path / "none.txt"))

    assert said.code == 0, said.trouble
    assert "Ada: Oui ?" in said.out
    assert "Ada has it." in said.out
    assert messages()[-1] == ""
    assert (missing.code, "cannot be read" in missing.trouble) == (1, True)


@pytest.mark.parametrize("channel", ["sms", "call", "email", "chat"])
def test_a_desk_that_does_not_run_is_a_sentence(desk: Flask, channel: str) -> None:
    for one in (Channel.SMS, Channel.PHONE, Channel.EMAIL, Channel.CHAT):
        make.inbox(one)
    nobody = ports.free_port()

    said = comptoir(desk, "simulate", channel, COMPTOIR_PORT=str(nobody), COMPTOIR_SMTP_PORT=str(nobody))

    assert said.code == 1
    assert "is `comptoir serve` running?" in said.trouble
    assert "Traceback" not in said.trouble


def test_without_the_sandbox_nobody_plays_a_customer(desk: Flask) -> None:
    said = comptoir(desk, "simulate", "sms", "--to", "+15145550100", COMPTOIR_SANDBOX="off")

    assert said.code == 1
    assert "sandbox" in said.trouble


def test_a_desk_without_such_an_inbox_says_so(desk: Flask) -> None:
    said = comptoir(desk, "simulate", "sms")

    assert said.code == 1
    assert "no sms inbox" in said.trouble


def test_info_tells_all_that_a_player_needs(desk: Flask) -> None:
    settings: Settings = desk.extensions["comptoir.settings"]
    make.inbox(Channel.SMS)

    said = comptoir(desk, "sandbox", "info")

    assert settings.twilio is not None
    assert json.loads(said.out) == {
        "account_sid": settings.twilio.account_sid,
        "auth_token": settings.twilio.auth_token,
        "inboxes": [{"channel": "sms", "name": "Our sms", "address": "+15145550100"}],
        "smtp": {"host": settings.smtp_host, "port": settings.smtp_port},
        "outbox": f"{settings.local_url}/sandbox/outbox",
    }


def test_info_never_shows_a_real_account(desk: Flask) -> None:
    said = comptoir(
        desk, "sandbox", "info", COMPTOIR_SANDBOX="off", TWILIO_ACCOUNT_SID="AC1", TWILIO_AUTH_TOKEN="real-token"
    )

    assert said.code == 1
    assert "real-token" not in said.out + said.trouble
