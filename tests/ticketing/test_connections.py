"""The database may be restarted under a running process: nobody uses a connection that has died."""

from collections.abc import Iterator

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text

from tests import make
from tests.api.desk import Desk
from ticketing.store import RESTS_SINCE, db

END_THE_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest.fixture
def desk(postgres_app: Flask) -> Iterator[Desk]:
    with postgres_app.app_context():
        yield Desk(postgres_app.test_client(), make.agent(email="restart@desk.example"))
        db.session.remove()
        with db.engine.begin() as connection:
            connection.execute(text("TRUNCATE agent, token CASCADE"))
        db.engine.dispose()


def end_all_connections() -> None:
    """Do what a restart does to those who are connected."""
    db.session.remove()
    address = db.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(END_THE_OTHERS)


def connections_that_rest() -> None:
    """Fill the pool with connections that have been used."""
    held = [db.engine.connect() for _ in range(3)]
    for one in held:
        one.close()


def test_a_request_right_after_a_restart_succeeds(desk: Desk) -> None:
    connections_that_rest()
    end_all_connections()

    answers = [desk.get("/agents/me").status_code for _ in range(3)]

    assert answers == [200, 200, 200]


def test_a_request_long_after_a_restart_succeeds(desk: Desk) -> None:
    connections_that_rest()
    end_all_connections()
    for record in list(db.engine.pool._pool.queue):  # type: ignore[attr-defined]  # as if they had rested for long
        record.info[RESTS_SINCE] -= 3600

    assert desk.get("/agents/me").status_code == 200
