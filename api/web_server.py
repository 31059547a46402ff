"""The web process: gunicorn around the app. A program of its own, `python -m api.web_server`.

It imports little: with the gevent worker, everything that uses sockets may be imported only once gevent has patched
them, which gunicorn does in each worker before it loads the app.
"""

import argparse
import gc
import logging
import os
import sys
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

import api.off_loop  # noqa: F401 - it has to know real threads from before gevent patches
from api.embedded.orphans import end_with, watch_supervisor
from config.logs import configure_logs
from config.settings import Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from flask import Flask

log = logging.getLogger(__name__)

GRACE = 8  # seconds for the requests under way when we are asked to end; the supervisor kills after ten


def command(*, listening_on: int | None = None) -> list[str]:
    """Return the command line of the web process; `listening_on` is the descriptor of a socket to inherit."""
    inherited = [] if listening_on is None else ["--fd", str(listening_on)]
    return [sys.executable, "-m", "api.web_server", *inherited]


class WebServer(BaseApplication):  # type: ignore[misc]  # gunicorn is not typed
    """Gunicorn with our settings instead of its own command line and files."""

    def __init__(self, settings: Settings, *, listening_on: int | None) -> None:
        self._settings = settings
        self._listening_on = listening_on
        super().__init__()

    def load_config(self) -> None:
        """Hand our choices to gunicorn."""
        for name, value in options(self._settings, self._listening_on).items():
            self.cfg.set(name, value)

    def load(self) -> "Flask":
        """Make the app, in the worker."""
        from api.app import create_app  # not before gevent has patched

        app = create_app(self._settings)
        # What is there now stays: the collector need not walk through all of it again in the middle of requests.
        gc.collect()
        gc.freeze()
        return app


def options(settings: Settings, listening_on: int | None) -> dict[str, Any]:
    """Return gunicorn's settings by name."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return {
        "bind": f"{host}:{settings.port}" if listening_on is None else f"fd://{listening_on}",
        **(_threads(settings) if settings.uses_sqlite else _greenlets(settings)),
        "timeout": 60,
        "graceful_timeout": GRACE,
        "keepalive": 2,  # an idle connection delays the end of a gevent worker
        "limit_request_line": 8190,
        "limit_request_fields": 100,
        "limit_request_field_size": 8190,
        "control_socket_disable": True,
        "logger_class": PlainLogger,
        "post_fork": _tie_worker_to_master,
        "post_worker_init": _end_streams_with,
        "proc_name": "comptoir web",
    }


def _threads(settings: Settings) -> dict[str, Any]:
    # SQLite waits for its write lock inside C; a greenlet that waits there would stop the loop that has to release it.
    return {
        "worker_class": "gthread",
        "workers": 1,
        "threads": settings.web_threads,
        "worker_connections": max(1000, 2 * settings.web_threads),
    }


def _greenlets(settings: Settings) -> dict[str, Any]:
    # The sandbox's calls live in the memory of one process, so that there is only one.
    workers = 1 if settings.sandbox else settings.web_workers
    return {"worker_class": "gevent", "workers": workers, "worker_connections": settings.web_streams + 2000}


class PlainLogger(Logger):  # type: ignore[misc]  # gunicorn is not typed
    """Gunicorn's lines through our logs; requests are logged by the app, which knows more about them."""

    def setup(self, cfg: Any) -> None:
        """Leave the handlers to the root logger."""
        self.error_log.handlers.clear()
        self.error_log.propagate = True
        self.error_log.setLevel(logging.NOTSET)
        self.access_log.handlers.clear()
        self.access_log.disabled = True

    def reopen_files(self) -> None:
        """Do nothing: we write to standard error alone."""


def _tie_worker_to_master(_arbiter: Any, worker: Any) -> None:
    end_with(worker.ppid)


def _end_streams_with(worker: Any) -> None:
    """End the live streams as soon as the worker is told to end: it waits for them."""
    feed = worker.wsgi.extensions.get("comptoir.feed")
    if feed is not None:
        feed.hub.is_ending = lambda: not worker.alive


def main() -> None:
    """Serve until told to end."""
    parser = argparse.ArgumentParser(prog="python -m api.web_server", description=__doc__)
    parser.add_argument("--fd", type=int, help="descriptor of the listening socket to inherit")
    arguments = parser.parse_args()
    try:
        settings = load_settings()
    except SettingsError as error:
        sys.exit(str(error))
    os.umask(0o077)  # customers' files are in the data folder
    configure_logs(settings.log_level, settings.log_format)
    watch_supervisor()
    if settings.sandbox and settings.web_workers > 1 and not settings.uses_sqlite:
        log.warning("one web process: the sandbox's calls live in it, whatever COMPTOIR_WEB_WORKERS says")
    os.environ.pop("GUNICORN_CMD_ARGS", None)
    WebServer(settings, listening_on=arguments.fd).run()


if __name__ == "__main__":
    main()
