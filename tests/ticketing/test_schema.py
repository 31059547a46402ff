"""Migrations lead up and down on both databases, with rows in the tables, to just what the models say."""

from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from sqlalchemy import inspect, text

from api.app import create_app
from api.seed import initialise
from config.settings import Settings
from tests import make, servers
from ticketing import schema
from ticketing.envelope import Channel, HandleKind
from ticketing.folding import handle_key, name_key
from ticketing.store import Base, db, write_options


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh(request: pytest.FixtureRequest, base_settings: Settings, tmp_path: Path, run_folder: Path) -> Flask:
    """An application on an empty database of its own."""
    urls = {"sqlite": lambda: f"sqlite:///{tmp_path / 'x.sqlite3'}", "postgresql": lambda: servers.postgres(run_folder)}
    return create_app(replace(base_settings, database_url=urls[request.param](), data_dir=tmp_path))


def test_up_down_and_up_again_with_rows_in_the_tables(fresh: Flask) -> None:
    with fresh.app_context():
        for _ in range(2):
            initialise(fresh, demo=True)
            make.reply(make.ticket(channel=Channel.EMAIL), make.agent())
            db.session.remove()
            assert schema.current() == schema.head()
            schema.downgrade("base")
            assert schema.current() == ""
            assert set(inspect(db.engine).get_table_names()) <= {"alembic_version"}
        db.engine.dispose()


def test_the_migrations_and_the_models_agree(fresh: Flask) -> None:
    with fresh.app_context():
        schema.upgrade()
        with db.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            differences = compare_metadata(context, Base.metadata)
        db.engine.dispose()

    assert [one for one in differences if not _is_noise(one)] == []


def _is_noise(difference: object) -> bool:
    """An index with an expression cannot be compared by its columns; the index of words is no model's."""
    return "ix_ticket_next" in repr(difference) or "search_" in repr(difference)


def test_initialising_twice_changes_nothing(fresh: Flask) -> None:
    def count() -> dict[str, int]:
        with db.engine.connect() as connection:
            tables = Base.metadata.sorted_tables
            return {table.name: len(connection.execute(table.select()).all()) for table in tables}

    with fresh.app_context():
        initialise(fresh, demo=True)
        before = count()
        initialise(fresh, demo=True)
        after = count()
        db.engine.dispose()

    assert before == after
    assert before["agent"] == 3
    assert before["inbox"] == 4


def test_rows_of_the_first_version_come_through_the_second_and_back(fresh: Flask) -> None:
    with fresh.app_context():
        schema.upgrade("0001")
        before = _fill_first_version()
        schema.upgrade("0002")
        with db.engine.connect() as connection:
            agent = connection.execute(text("SELECT skills, capacity, presence FROM agent")).one()
            customer = connection.execute(text("SELECT name, name_key FROM customer")).one()
            keys = connection.execute(text("SELECT key FROM handle ORDER BY id")).scalars().all()
            files = connection.execute(text("SELECT message_id FROM attachment")).scalars().all()
        schema.downgrade("0001")
        after = _rows()
        db.engine.dispose()

    assert after == before
    assert [str(one) for one in agent] == ["[]", "{}", "offline"]
    assert tuple(customer) == ("Zoë Ådams", name_key("Zoë Ådams"))
    assert keys == [handle_key(HandleKind.EMAIL, "k.h+x@gmail.com"), handle_key(HandleKind.PHONE, "+15145550177")]
    assert files == [1]


def test_voicemails_come_into_the_table_of_recordings_and_back(fresh: Flask) -> None:
    at = "'2026-11-18 12:00:00'"
    with fresh.app_context():
        schema.upgrade("0001")
        _fill_first_version()
        schema.upgrade("0005")
        with db.engine.connect().execution_options(**write_options()) as connection:
            inbox = "(channel, name, address, queue_id, settings, created_at)"
            connection.execute(text(f"INSERT INTO inbox {inbox} VALUES ('phone', 'P', '+1', 1, '{{}}', {at})"))
            columns = "ticket_id, inbox_id, outbound, state, started_at, provider_id, recording_id, recording_url,"
            values = (
                f"1, 1, false, 'ended', {at}, {rest}" for rest in ("'CA1', 'RE1', 'u', 1", "'CA2', NULL, NULL, NULL")
            )
            for one in values:
                connection.execute(text(f"INSERT INTO call ({columns} voicemail_id) VALUES ({one})"))
            connection.commit()
        before = _rows()
        schema.upgrade()
        with db.engine.connect() as connection:
            columns = "call_id, message_id, attachment_id, kind, provider_id, url, state"
            moved = [tuple(row) for row in connection.execute(text(f"SELECT {columns} FROM recording"))]
        schema.downgrade("0005")
        after = _rows()
        db.engine.dispose()

    assert moved == [(1, 1, 1, "voicemail", "RE1", "u", "kept")]
    assert {key: sorted(rows) for key, rows in after.items() if key != "call"} == {
        key: sorted(rows) for key, rows in before.items() if key != "call"
    }
    assert sorted(sorted(row) for row in after["call"]) == sorted(sorted(row) for row in before["call"])


def _fill_first_version() -> dict[str, list[tuple[object, ...]]]:
    at = "'2026-11-18 12:00:00'"
    with db.engine.connect().execution_options(**write_options()) as connection:
        for line in (
            f"agent (email, name, role, is_active, created_at) VALUES ('a@desk.example', 'Ada', 'agent', true, {at})",
            f"queue (name, access, created_at) VALUES ('Support', 'everyone', {at})",
            "customer (name, language, time_zone, preferred_channels, fields, created_at)"
            f" VALUES ('Zoë Ådams', '', '', '[]', '{{}}', {at})",
            "handle (customer_id, kind, address, shown, created_at)"
            f" VALUES (1, 'email', 'k.h+x@gmail.com', 'k.h+x@gmail.com', {at})",
            "handle (customer_id, kind, address, shown, created_at)"
            f" VALUES (1, 'phone', '+15145550177', '+15145550177', {at})",
            "ticket (subject, status, priority, channel, queue_id, customer_id, assignee_id, fields, live, created_at,"
            " updated_at, version, sla_breached, sla_tracked)"
            f" VALUES ('Leak', 'open', 'normal', 'email', 1, 1, 1, '{{}}', false, {at}, {at}, 1, false, false)",
            "message (ticket_id, kind, channel, body, html, quoted, automatic, state, data, attempts, created_at)"
            f" VALUES (1, 'inbound', 'email', 'It drips.', '', '', false, 'received', '{{}}', 0, {at})",
            "attachment (message_id, filename, content_type, size, sha256, content_id, created_at)"
            f" VALUES (1, 'a.txt', 'text/plain', 1, 'ab', '', {at})",
        ):
            connection.execute(text(f"INSERT INTO {line}".replace(":", r"\:")))
        connection.commit()
    return _rows()


def _rows() -> dict[str, list[tuple[object, ...]]]:
    with db.engine.connect() as connection:
        return {
            name: [tuple(map(str, row)) for row in connection.execute(text(f'SELECT * FROM "{name}"'))]
            for name in sorted(inspect(connection).get_table_names())
            if name != "alembic_version"
        }
