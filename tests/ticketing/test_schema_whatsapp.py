"""What went by WhatsApp is told as texts to the version that knows no WhatsApp."""

from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from api.app import create_app
from config.settings import Settings
from tests import make, servers
from tests.conftest import NOON
from ticketing import schema
from ticketing.envelope import Channel
from ticketing.events import SYSTEM, OptedOut
from ticketing.journal import append
from ticketing.lifecycle import lock_ticket
from ticketing.models import Consent
from ticketing.store import db
from ticketing.transaction import transaction


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh(request: pytest.FixtureRequest, base_settings: Settings, tmp_path: Path, run_folder: Path) -> Flask:
    """An application on an empty database of its own."""
    urls = {"sqlite": lambda: f"sqlite:///{tmp_path / 'x.sqlite3'}", "postgresql": lambda: servers.postgres(run_folder)}
    return create_app(replace(base_settings, database_url=urls[request.param](), data_dir=tmp_path))


def one(sql: str) -> object:
    with db.engine.connect() as connection:
        return connection.execute(text(sql)).scalars().all()


def fill() -> None:
    """A number that does both, another that has WhatsApp alone, and whatever else names the channel."""
    make.inbox(Channel.SMS)
    twin, alone = make.inbox(Channel.WHATSAPP), make.inbox(Channel.WHATSAPP, address="+15145550999")
    who = make.customer(phone="+15145550123")
    ada = make.agent(capacity={"whatsapp": 3, "sms": 2, "chat": 1})
    ticket = make.ticket(channel=Channel.WHATSAPP, customer=who, inbox=twin)
    make.ticket(channel=Channel.WHATSAPP, customer=make.customer(phone="+15145550124"), inbox=alone)
    make.view(ada, filter={"channel": "whatsapp"})
    make.policy(conditions={"channel": ["sms", "whatsapp", "phone"]})
    make.opt_out(who.handles[0], twin)
    with transaction("test") as session:
        session.merge(who).preferred_channels = ["whatsapp", "email", "sms"]
        session.add(Consent(customer_id=who.id, channel=Channel.WHATSAPP, given=False, reason="", at=NOON))
        row = lock_ticket(ticket.id)
        append(row, OptedOut(who.handles[0].id, twin.id), by=SYSTEM, at=NOON)


def test_rows_of_whatsapp_are_texts_to_the_version_before(fresh: Flask) -> None:
    with fresh.app_context():
        schema.upgrade()
        fill()
        db.session.remove()
        schema.downgrade("0005")

        assert one("SELECT DISTINCT channel FROM message") == one("SELECT DISTINCT channel FROM ticket") == ["sms"]
        assert one("SELECT address FROM inbox WHERE channel = 'sms' ORDER BY id") == ["+15145550100", "+15145550999"]
        assert one("SELECT inbox_id FROM ticket ORDER BY id") == [1, 3]
        assert one("SELECT channel FROM consent") == ["sms"]
        assert one("SELECT count(*) FROM journal WHERE kind = 'opted_out'") == [0]
        for table, column in (
            ("journal", "data"),
            ("agent", "capacity"),
            ("view", "filter"),
            ("policy", "conditions"),
            ("customer", "preferred_channels"),
        ):
            assert one(f"SELECT {column} FROM \"{table}\" WHERE CAST({column} AS TEXT) LIKE '%whatsapp%'") == []
        told = [str(line).replace(" ", "") for line in one("SELECT CAST(preferred_channels AS TEXT) FROM customer")]
        assert '["sms","email"]' in told
        schema.upgrade()
        schema.downgrade("base")
        db.engine.dispose()
