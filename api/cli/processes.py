"""The commands that run until they are told to end: everything at once, or each part by itself in production."""

import gc
import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from api.embedded.orphans import watch_supervisor
from config.logs import configure_logs
from config.settings import Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from flask import Flask


# New objects before the collector looks for circles among them. A mail makes some thousands, nearly all of which go
# when it is done: at Python's own 700 it would look at them while they are in use, again and again.
UNLOOKED_AT = 50_000


@click.command()
@click.option("--host", help="Address to listen on (COMPTOIR_HOST).")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on (COMPTOIR_PORT).")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of the store (COMPTOIR_DATA_DIR).")
def serve(host: str | None, port: int | None, data_dir: Path | None) -> None:
    """Run everything on this machine, with nothing else to install."""
    from api.embedded import serve as embedded

    try:
        embedded.serve(host=host, port=port, data_dir=data_dir)
    except (SettingsError, *embedded.TROUBLES) as trouble:
        raise click.ClickException(str(trouble)) from None


@click.command()
def web() -> None:
    """Run the web server alone."""
    from api import web_server

    # A new program: with gevent, nothing that we have imported by now may be in the server's memory.
    command = web_server.command()
    os.execv(command[0], command)  # noqa: S606 - no shell is what we want


@click.command()
def worker() -> None:
    """Run a worker alone, which does what follows from a change."""
    from api.worker import run_worker

    settings = _settings()
    if settings.redis_url is None:
        raise click.ClickException(
            "COMPTOIR_REDIS_URL is not set: there is no queue to work from (without one, the ticker does this work)"
        )
    run_worker(_app(settings))


@click.command()
def ticker() -> None:
    """Run the ticker alone: it finds what falls due, and what was left undone."""
    from api.tick import run_ticker

    app = _app(_settings())
    run_ticker(app, stop_on_signal())


@click.command()
@click.option("--listeners", hidden=True, help="Sockets to inherit; see api/mail_workers.py.")
def smtp(listeners: str | None) -> None:
    """Run the mail doors alone: the listeners that take in customers' mail, and who watches mailboxes elsewhere."""
    from api import mail_workers
    from channels.email.mailboxes.watching import MailboxWatch
    from channels.email.smtp_server import start_doors

    settings = _settings()
    try:
        if listeners is None and mail_workers.wanted(settings) > 1:
            mail_workers.run(settings)
            return
        stop = stop_on_signal()
        app = _app(settings)
        doors = start_doors(app, settings, mail_workers.inherited(listeners))
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    mailboxes = MailboxWatch(app).start()
    stop.wait()
    ending = threading.Thread(target=mailboxes.stop)  # meanwhile the listeners end, for both take a moment
    ending.start()
    doors.stop()
    ending.join()


def _settings() -> Settings:
    """Read this process's settings and set up its logs; a wrong one ends it with a sentence."""
    try:
        settings = load_settings()
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    configure_logs(settings.log_level, settings.log_format)
    watch_supervisor()
    return settings


def _app(settings: Settings) -> "Flask":
    from api.app import create_core

    app = create_core(settings)
    # What is there now stays: the collector need not walk through all of it again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(UNLOOKED_AT)
    return app


def stop_on_signal() -> threading.Event:
    """Return an event that is set when a signal asks this process to end."""
    stop = threading.Event()

    def set_soon(_number: int, _frame: object) -> None:
        # From a thread: the main one may hold the event's own lock at the moment in which the signal interrupts it.
        threading.Thread(target=stop.set, daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, set_soon)
    return stop
