"""The database may be restarted under a running process: nobody uses a connection that has died."""

from collections.abc import Iterator

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text

from tests import make
from tests.api.desk import Desk
from ticketing.store import RESTS_SINCE, db

END_THE_OTHERS = (  # and wait for as many milliseconds until they have ended: a restart has
    "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest.fixture
def desk(postgres_app: Flask) -> Iterator[Desk]:
    """An agent who calls outside of any context: so each request has its own, and a session of its own."""
    with postgres_app.app_context():
        caller = Desk(postgres_app.test_client(), make.agent(email="restart@desk.example"))
        db.session.remove()
    yield caller
    with postgres_app.app_context():
        with db.engine.begin() as connection:
            connection.execute(text("TRUNCATE agent, token CASCADE"))
        db.engine.dispose()


def restart_the_database(app: Flask, *, rested: float) -> None:
    """Use a few connections, end them all as a restart does, and let them have rested for so many seconds."""
    with app.app_context():
        held = [db.engine.connect() for _ in range(3)]
        for one in held:
            one.close()
        address = db.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(END_THE_OTHERS)
        for record in list(db.engine.pool._pool.queue):  # type: ignore[attr-defined]
            record.info[RESTS_SINCE] -= rested


def test_a_request_right_after_a_restart_succeeds(postgres_app: Flask, desk: Desk) -> None:
    restart_the_database(postgres_app, rested=0)

    assert [desk.get("/agents/me").status_code for _ in range(3)] == [200, 200, 200]


def test_a_request_long_after_a_restart_succeeds(postgres_app: Flask, desk: Desk) -> None:
    restart_the_database(postgres_app, rested=3600)

    assert desk.get("/agents/me").status_code == 200
