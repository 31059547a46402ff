"""Who is let in by whom, where several listen at one socket; and what cannot happen to the others."""

import asyncio
import errno
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

import pytest

from channels.email import letting_in
from channels.email.letting_in import let_in


class Host(asyncio.Protocol):
    """Somebody who says a name to whom comes."""

    transport: asyncio.Transport

    def __init__(self, name: str) -> None:
        self._name = name

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._name.encode())


def greetings(listener: socket.socket, hosts: Sequence[Callable[[], Host]], senders: int) -> str:
    """Let all hosts listen, and return what senders hear who come one after the other."""
    visits: list[Host] = []

    async def listening() -> str:
        doors: list[asyncio.Task[None]] = []
        for host in hosts:
            own = stack.enter_context(listener.dup())  # as another process has it
            doors.append(asyncio.create_task(listens(own, host)))
        try:
            return await asyncio.to_thread(hear)
        finally:
            for door in doors:
                door.cancel()
            await asyncio.gather(*doors, return_exceptions=True)
            for visit in visits:
                visit.transport.abort()
            await asyncio.sleep(0)

    async def listens(own: socket.socket, host: Callable[[], Host]) -> None:
        theirs: list[Host] = []

        def session() -> Host:
            theirs.append(host())
            visits.append(theirs[-1])
            return theirs[-1]

        await let_in(own, session, theirs.__len__)

    def hear() -> str:
        callers = (stack.enter_context(socket.create_connection(listener.getsockname(), 60)) for _ in range(senders))
        return "".join(caller.recv(1).decode() for caller in callers)

    with ExitStack() as stack:
        return asyncio.run(listening())


@pytest.fixture
def listener() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def test_whoever_has_nobody_takes_the_next(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letting_in, "STEP", 30)
    monkeypatch.setattr(letting_in, "LONGEST", 60)

    with listener:
        heard = greetings(listener, [partial(Host, name) for name in "abcdef"], 6)

    assert sorted(heard) == list("abcdef")


def test_a_session_that_cannot_begin_keeps_nobody_else_out(listener: socket.socket) -> None:
    troubles = [ValueError("no TLS for this one")]

    def host() -> Host:
        if troubles:
            raise troubles.pop()
        return Host("a")

    with listener:
        assert greetings(listener, [host], 2) == "a"  # the first hears the end of the connection


def test_a_system_out_of_connections_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letting_in, "REST", 0.01)
    troubles = [errno.EMFILE, errno.ECONNABORTED, errno.EAGAIN]

    class Full(socket.socket):
        def accept(self) -> tuple[socket.socket, object]:
            if troubles:
                raise OSError(troubles.pop(0), "no")
            return super().accept()

        def dup(self) -> "Full":
            return Full(fileno=os.dup(self.fileno()))

    with Full() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        assert greetings(listener, [partial(Host, "a")], 1) == "a"
    assert troubles == []
