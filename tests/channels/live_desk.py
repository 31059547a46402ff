"""A desk with its sandbox and its mail doors, behind real sockets, so that all can call each other."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from flask import Flask
from werkzeug.serving import make_server

from api.app import create_app
from api.embedded import ports
from channels.email.smtp_server import start_doors
from channels.sandbox.exchange import Exchange
from config.settings import Settings, sandbox_account
from tests.channels.twilio_contract import ContractWatch
from tests.channels.twiml_contract import TwiMLWatch
from tests.conftest import PUBLIC_URL, SECRET_KEY
from ticketing.store import db

STORE = "comptoir.sqlite3"


@contextmanager
def running(base: Settings, template: Path, folder: Path) -> Iterator[Flask]:
    """Yield an application on a copy of an empty SQLite file, its context pushed, while it is served."""
    with serving(base, folder) as app:
        shutil.copyfile(template, folder / STORE)
        with connected(app):
            yield app


@contextmanager
def serving(base: Settings, folder: Path, database_url: str = "") -> Iterator[Flask]:
    """Yield an application while a server answers at its settings' local_url; its database is in `folder`, or another.

    To make one takes longer than many a story: stories may share it, each `connected` for itself.
    """
    port = ports.free_port()
    url = f"http://127.0.0.1:{port}"
    settings = replace(
        base,
        port=port,
        smtp_port=ports.free_port(),
        smtp_url=f"smtp://127.0.0.1:{ports.free_port()}/sandbox",
        public_url=PUBLIC_URL,  # nobody is there: the sandbox goes by the local one
        local_url=url,
        data_dir=folder,
        database_url=database_url or f"sqlite:///{folder / STORE}",
        storage_url=f"file://{folder / 'files'}",
        twilio=sandbox_account(SECRET_KEY, f"{url}/sandbox/twilio"),
    )
    app = create_app(settings)
    TwiMLWatch(app)  # all that it answers to Twilio is held against what Twilio takes
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    doors = start_doors(app, settings)
    try:
        yield app
    finally:
        doors.stop()
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def connected(app: Flask) -> Iterator[None]:
    """Push the application's context, and have a sandbox of its own behind it, for one story."""
    app.extensions["comptoir.sandbox"] = Exchange(app.extensions["comptoir.settings"], speed=0)
    watch = ContractWatch()  # all that our code asks of Twilio is held against what Twilio publishes
    exchange(app).watchers.append(watch)
    twiml: TwiMLWatch = app.extensions["tests.twiml"]
    try:
        with app.app_context():
            yield
            assert watch.breaches == [], watch.breaches
            assert (breaches := twiml.taken()) == [], breaches
            db.session.remove()
            db.engine.dispose()
    finally:
        exchange(app).close()


def exchange(app: Flask) -> Exchange:
    """The sandbox's exchange. Its clock stands still, except while `run_for` lets it run."""
    found: Exchange = app.extensions["comptoir.sandbox"]
    return found


def settle(app: Flask, *, seconds: float = 30) -> None:
    """Let the sandbox do and tell all that it has to, and forget what this session has read."""
    exchange(app).run_for(seconds)
    settle_session()


def settle_session() -> None:
    """Forget what this session has read, so that it sees what others wrote."""
    db.session.rollback()
    db.session().expire_all()
