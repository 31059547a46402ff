"""Several processes behind the same mail doors, since one Python process reads mail on one processor only.

The parent listens and does nothing else; its children inherit the sockets, and whoever is free takes the next sender.
With SQLite there is one process: writers would take turns all the same.
"""

import contextlib
import socket
import sys
from collections.abc import Sequence
from typing import cast

from api.embedded.supervisor import AskedToEnd, Part, Supervisor
from channels.email.smtp_server import Listener, Speaks, listen, starttls
from config.settings import Settings

END_WITHIN = 9.5  # seconds: whoever supervises us kills after ten


def wanted(settings: Settings) -> int:
    """Return how many processes there should be."""
    return 1 if settings.uses_sqlite else settings.smtp_workers


def run(settings: Settings) -> None:
    """Run the processes until a signal asks us to end. Raises SettingsError when we cannot listen."""
    starttls(settings)  # a certificate of no use is told once, here
    listeners = listen(settings)
    parts = [_part(number, listeners) for number in range(1, wanted(settings) + 1)]
    with contextlib.suppress(AskedToEnd), Supervisor(end_within=END_WITHIN) as supervisor:
        supervisor.start(*parts)
        supervisor.keep_running()


def _part(number: int, listeners: Sequence[Listener]) -> Part:
    named = ",".join(f"{one.speaks}:{one.socket.fileno()}" for one in listeners)
    return Part(
        f"smtp {number}",
        [sys.executable, "-m", "api.embedded", "smtp", "--listeners", named],
        pass_fds=tuple(one.socket.fileno() for one in listeners),
    )


def inherited(named: str | None) -> list[Listener] | None:
    """Return the sockets that the parent has named; None: there is no parent."""
    if named is None:
        return None
    listeners = []
    for one in named.split(","):
        speaks, _, descriptor = one.partition(":")
        listeners.append(Listener(cast(Speaks, speaks), socket.socket(fileno=int(descriptor))))
    return listeners
