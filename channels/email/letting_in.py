"""Letting senders in at a door where several processes may listen: the one with the fewest takes the next.

A process knows only its own senders. So whoever has some waits a moment before it opens, in which another may; with
mail servers that stay and bring hundreds of mails, who takes whom decides how evenly the work is shared for minutes.
"""

import asyncio
import socket
from collections.abc import Callable

import structlog

log = structlog.get_logger()

STEP = 0.001  # seconds that a process waits for each sender whom it has
LONGEST = 0.005
REST = 1.0  # seconds, when the system lets us have no more connections


async def let_in(listener: socket.socket, session: Callable[[], asyncio.Protocol], burden: Callable[[], int]) -> None:
    """Let senders in at a listening socket until this task is cancelled; `burden` says how many there are already."""
    listener.setblocking(False)
    while True:
        await _knock(listener)
        await asyncio.sleep(min(burden() * STEP, LONGEST))
        try:
            sender, _ = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            continue  # another process was faster, or the sender has thought better of it
        except OSError as error:  # too many open files, no memory
            log.warning("nobody can be let in", error=str(error))
            await asyncio.sleep(REST)
            continue
        try:
            sender.setblocking(False)
            await asyncio.get_running_loop().connect_accepted_socket(session, sender)
        except Exception:
            log.exception("a sender could not be let in")
            sender.close()


async def _knock(listener: socket.socket) -> None:
    """Return as soon as a sender waits at the socket."""
    loop = asyncio.get_running_loop()
    knocked: asyncio.Future[None] = loop.create_future()

    def note() -> None:
        if not knocked.done():
            knocked.set_result(None)

    loop.add_reader(listener, note)
    try:
        await knocked
    finally:
        loop.remove_reader(listener)
