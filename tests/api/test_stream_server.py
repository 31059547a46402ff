"""Streams on the real web server: greenlets over PostgreSQL, threads over SQLite, and how they end with it."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPResponse

import pytest
from flask import Flask

from api import web_server
from api.embedded.orphans import ends_with_parent
from api.embedded.ports import LOOPBACK, free_port, http_status
from tests import make, servers
from tests.api.listening import with_valkey
from tests.conftest import NOON, PUBLIC_URL, SECRET_KEY
from ticketing import lifecycle
from ticketing.events import SYSTEM
from ticketing.transaction import transaction

PATIENCE = 60  # seconds; the server starts in a few


@pytest.mark.processes
def test_streams_live_on_the_real_server_and_end_cleanly_with_it(app: Flask) -> None:
    ada = make.agent()
    headers = make.bearer(ada)
    ticket_id = make.ticket(queue=make.queue(members=[ada])).id
    settings, port = app.extensions["comptoir.settings"], free_port()
    with servers.valkey() as url, with_valkey(app, url), ExitStack() as closing:
        environment = {
            "COMPTOIR_DATABASE_URL": settings.database_url,
            "COMPTOIR_DATA_DIR": str(settings.data_dir),
            "COMPTOIR_PORT": str(port),
            "COMPTOIR_PUBLIC_URL": PUBLIC_URL,
            "COMPTOIR_REDIS_URL": url,
            "COMPTOIR_SANDBOX": "off",
            "COMPTOIR_SECRET_KEY": SECRET_KEY,
            "COMPTOIR_WEB_WORKERS": "1",
        }
        server = subprocess.Popen(
            web_server.command(),
            env={**os.environ, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=ends_with_parent(),
        )
        try:
            _wait_for(port)
            streams = [closing.enter_context(_open(port, headers)) for _ in range(5)]
            for one in streams:
                _read_until(one, b"event: ready")
            with transaction("test"):
                lifecycle.change_tags(lifecycle.lock_ticket(ticket_id), ["drips"], by=SYSTEM, at=NOON)
            for one in streams:
                _read_until(one, b"event: tags_changed")
            server.terminate()
            for one in streams:
                assert b'"restarting"' in one.read()

            server.wait(web_server.GRACE)  # raises where it has to be killed
        finally:
            server.kill()
            server.wait()


def _wait_for(port: int) -> None:
    until = time.monotonic() + PATIENCE
    while http_status(LOOPBACK, port, "/healthz") != 200:
        assert time.monotonic() < until, "the server does not start"
        time.sleep(0.1)


@contextmanager
def _open(port: int, headers: dict[str, str]) -> Iterator[HTTPResponse]:
    connection = HTTPConnection(LOOPBACK, port, timeout=PATIENCE)
    connection.request("GET", "/api/v1/events", headers=headers)
    answer = connection.getresponse()
    assert answer.getheader("Content-Type", "").startswith("text/event-stream")
    yield answer
    answer.close()
    connection.close()


def _read_until(stream: HTTPResponse, wanted: bytes) -> None:
    while line := stream.readline():
        if line.strip() == wanted:
            return
    raise AssertionError(f"the stream ended before {wanted!r}")
