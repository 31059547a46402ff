"""Set the stage of a benchmark: a fresh database, our web server and the raw one over it, and take all of it down."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from flask import Flask

from api import seed, web_server
from api.app import create_app
from api.embedded.orphans import ends_with_parent
from api.embedded.ports import LOOPBACK, accepts, free_port, http_status, listen
from config.logs import configure_logs
from config.settings import load_settings
from tests import servers
from ticketing.store import db

ROOT = Path(__file__).parent.parent
SECRET_KEY = "a secret key for benchmarks only, long enough"
PUBLIC_URL = "http://desk.example"

Command = Callable[[int], list[str]]  # from the descriptor of the listening socket


@dataclass(frozen=True)
class Server:
    """A running web server; `pid` is its gunicorn's master."""

    port: int
    pid: int

    def processor_seconds(self) -> float:
        """Return the processor time that master and workers have used so far."""
        return sum(_used(pid) for pid in (self.pid, *_children(self.pid))) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Stage:
    """What a benchmark works with. `app` is the program once more, in this process, to look into."""

    database: str
    app: Flask
    environment: dict[str, str]
    folder: Path

    @contextlib.contextmanager
    def servers(self) -> Iterator[tuple[Server, Server]]:
        """Yield our server and the raw one, both ready."""
        raw = [sys.executable, str(Path(__file__).with_name("yardstick_server.py"))]
        with (
            self._served(lambda fd: web_server.command(listening_on=fd), "/healthz") as ours,
            self._served(lambda fd: [*raw, str(fd)], "/static/nothing") as yardstick,
        ):
            yield ours, yardstick

    @contextlib.contextmanager
    def running(self, command: list[str], port: int, **environment: str) -> Iterator[Server]:
        """Yield a process that listens on the port by itself; `environment` is what it gets besides ours."""
        log = self.folder / f"{port}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**self.environment, **environment},
                stdout=output,
                stderr=output,
                preexec_fn=ends_with_parent(),
            )
        try:
            _wait_until(lambda: accepts(LOOPBACK, port), process, log)
            yield Server(port, process.pid)
        finally:
            _end(process)

    def database_seconds(self) -> float:
        """Return the processor time that PostgreSQL has used so far, all of its processes."""
        with self.app.app_context(), db.engine.connect() as connection:
            backend: int = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        server = int(_stat(backend)[1])
        # What ended already is counted with its parent (proc(5), stat, fields 16 and 17).
        ended = sum(int(ticks) for ticks in _stat(server)[13:15])
        return (ended + sum(_used(pid) for pid in (server, *_children(server)))) / os.sysconf("SC_CLK_TCK")

    @contextlib.contextmanager
    def _served(self, command: Command, path: str) -> Iterator[Server]:
        port = free_port()
        log = self.folder / f"{port}.log"
        with listen(LOOPBACK, port, variable="port") as listener, log.open("wb") as output:
            process = subprocess.Popen(
                command(listener.fileno()),
                cwd=ROOT,
                env=self.environment,
                pass_fds=[listener.fileno()],
                stdout=output,
                stderr=output,
                preexec_fn=ends_with_parent(),
            )
        try:
            _wait_until(lambda: http_status(LOOPBACK, port, path) is not None, process, log)
            yield Server(port, process.pid)
        finally:
            _end(process)


@contextlib.contextmanager
def set_stage(database: str, *, workers: int) -> Iterator[Stage]:
    """Yield the stage on a fresh "postgresql" or "sqlite", with the defaults and the demonstration's agents."""
    with tempfile.TemporaryDirectory(prefix="comptoir-benchmark-") as name:
        folder = Path(name)
        url = servers.postgres(folder) if database == "postgresql" else f"sqlite:///{folder / 'comptoir.sqlite3'}"
        given = {
            "COMPTOIR_DATABASE_URL": url,
            "COMPTOIR_DATA_DIR": str(folder),
            "COMPTOIR_PUBLIC_URL": PUBLIC_URL,
            "COMPTOIR_RATE_LIMIT": "off",
            "COMPTOIR_SANDBOX": "on",
            "COMPTOIR_SECRET_KEY": SECRET_KEY,
            "COMPTOIR_WEB_WORKERS": str(workers),
        }
        _clear_environment()
        os.environ.update(given)
        configure_logs("error", "json")  # of this process; the server logs as it does in production
        app = create_app(load_settings())
        seed.initialise(app, demo=True)
        try:
            yield Stage(database, app, {**os.environ, **given}, folder)
        finally:
            with app.app_context():
                db.session.remove()
                db.engine.dispose()


def _clear_environment() -> None:
    for name in [name for name in os.environ if name.startswith(("COMPTOIR_", "TWILIO_"))]:
        del os.environ[name]


def _wait_until(is_ready: Callable[[], bool], process: "subprocess.Popen[bytes]", log: Path) -> None:
    patient_until = time.monotonic() + 60
    while not is_ready():
        if process.poll() is not None or time.monotonic() > patient_until:
            raise RuntimeError(f"the server does not answer: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.1)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(10)
    process.kill()
    process.wait()


def _children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _used(pid: int) -> int:
    """Return the clock ticks of one process, its own and the system's for it (proc(5), stat, fields 14 and 15)."""
    return int(_stat(pid)[11]) + int(_stat(pid)[12])


def _stat(pid: int) -> list[str]:
    """Return what the system knows of a process, from field 3 on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
