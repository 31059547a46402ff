"""`comptoir serve`: the embedded default, everything under one parent, from the first look at the settings to the end.

In order: Valkey, the store, then the parts that need both. The parent itself listens on the web's port and hands the
socket down: while the web process is restarted, callers wait a moment instead of being refused.
"""

import contextlib
import json
import socket
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import structlog

from api import web_server
from api.embedded import ports, valkey
from api.embedded.banner import banner
from api.embedded.ports import AddressTaken
from api.embedded.supervisor import AskedToEnd, Part, PartFailed, Supervisor
from config import running
from config.logs import configure_logs
from config.running import AlreadyRunning
from config.settings import SANDBOX_MAILBOX, Settings, load_settings

TROUBLES = (AlreadyRunning, AddressTaken, PartFailed)  # each with a sentence for the operator

log = structlog.get_logger()


def serve(*, host: str | None, port: int | None, data_dir: Path | None) -> None:
    """Run everything until a signal asks us to end. None: the environment decides. Raises one of TROUBLES."""
    began_at = time.monotonic()
    settings = load_settings(embedded=True, host=host, port=port, data_dir=data_dir)
    configure_logs(settings.log_level, settings.log_format)
    with (
        contextlib.suppress(AskedToEnd),
        running.hold(settings.data_dir),
        _doors(settings) as listener,
        Supervisor() as supervisor,
        _redis(settings, supervisor) as redis_url,
    ):
        _open(supervisor, settings, redis_url, listener, began_at)
        supervisor.keep_running()


@contextlib.contextmanager
def _doors(settings: Settings) -> Iterator[socket.socket]:
    """Listen on the web's port; see to it that the SMTP listener will find its own free."""
    ports.listen(settings.smtp_host, settings.smtp_port, variable="COMPTOIR_SMTP_PORT").close()
    with ports.listen(settings.host, settings.port, variable="COMPTOIR_PORT") as listener:
        yield listener


@contextlib.contextmanager
def _redis(settings: Settings, supervisor: Supervisor) -> Iterator[str]:
    """Yield the URL of the Redis that was given, or start our own."""
    if settings.redis_url:
        yield settings.redis_url
        return
    with valkey.in_folder(settings.data_dir / "valkey") as own:
        try:
            supervisor.start(own.part)
        except PartFailed as failure:
            if not own.has_store():
                raise
            log.warning("valkey store set aside", reason=str(failure), path=str(own.set_store_aside()))
            supervisor.start(own.part)
        yield own.url


def _open(supervisor: Supervisor, settings: Settings, redis_url: str, listener: socket.socket, began_at: float) -> None:
    """Prepare the store, start the parts, say where everything is."""
    smtp_url = settings.smtp_url or (_mailbox_url() if settings.sandbox else "")
    env = _environment(settings, redis_url, smtp_url)
    prepared = supervisor.output_of(Part("prepare", [sys.executable, "-m", "api.embedded.prepare"], env))
    _publish(settings, redis_url, smtp_url)
    supervisor.start_batches(*_batches(settings, env, listener))
    text = banner(
        settings,
        json.loads(prepared),
        started_in=time.monotonic() - began_at,
    )
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _mailbox_url() -> str:
    """Return where the sandbox takes the mail that we send; a relay of the operator's own is left alone."""
    return f"smtp://{ports.LOOPBACK}:{ports.free_port()}{SANDBOX_MAILBOX}"


def _environment(settings: Settings, redis_url: str, smtp_url: str) -> dict[str, str]:
    """Return what the children need to know besides our own environment, which they inherit."""
    return {
        "COMPTOIR_HOST": settings.host,
        "COMPTOIR_PORT": str(settings.port),
        "COMPTOIR_DATA_DIR": str(settings.data_dir),
        "COMPTOIR_REDIS_URL": redis_url,
        "COMPTOIR_SANDBOX": _on_off(settings),
        "COMPTOIR_SMTP_URL": smtp_url,
    }


def _publish(settings: Settings, redis_url: str, smtp_url: str) -> None:
    found = {
        "redis_url": redis_url,
        "smtp_url": smtp_url,
        "smtp_port": str(settings.smtp_port),
        "public_url": settings.public_url,
        "local_url": settings.local_url,
        "sandbox": _on_off(settings),
    }
    running.publish(settings.data_dir, found)


def _on_off(settings: Settings) -> str:
    return "on" if settings.sandbox else "off"


def _batches(settings: Settings, env: dict[str, str], listener: socket.socket) -> list[list[Part]]:
    """Return what runs besides Valkey.

    The web server ends after the parts that ask it: a job in hand may wait for an answer of the sandbox, and as the
    listening socket is ours too, nothing would tell it that none will come.
    """
    healthy = partial(ports.http_status, settings.host, settings.port, "/healthz")
    web = Part(
        "web",
        web_server.command(listening_on=listener.fileno()),
        env,
        is_ready=lambda: healthy() == 200 and ports.accepts(settings.smtp_host, settings.smtp_port),
        pass_fds=(listener.fileno(),),
    )
    return [[web], [_comptoir(name, env) for name in ("smtp", "worker", "ticker")]]


def _comptoir(command: str, env: dict[str, str]) -> Part:
    return Part(command, [sys.executable, "-m", "api.embedded", command], env)
