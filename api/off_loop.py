"""Do what keeps a processor busy in a real thread, while the greenlet that waits for it lets others go on.

With the gevent worker, threads are greenlets once gevent has patched them, and whatever computes for 50 ms stops every
other request of the process. So this file is imported by `api.web_server`, before that, and keeps what begins a real
thread. Waiting is reading from a socket, which gevent makes to wait without stopping the others. Where nothing is
patched, as under Flask's own server and in tests, the same code does the same.
"""

import contextlib
import os
import socket
from _thread import start_new_thread
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def off_loop(work: Callable[[], Found]) -> Found:
    """Return what `work` returns, or raise what it raises. It computes; it touches neither database nor request."""
    found: list[Found] = []
    trouble: list[BaseException] = []
    here, there = socket.socketpair()
    descriptor = there.detach()  # a bare number: the thread must not touch a socket that gevent has patched

    def run() -> None:
        try:
            found.append(work())
        except BaseException as error:  # noqa: BLE001 - raised where somebody waits for it
            trouble.append(error)
        finally:
            with contextlib.suppress(OSError):
                os.close(descriptor)

    start_new_thread(run, ())
    with here:
        here.recv(1)  # nothing, once the other end is closed
    if trouble:
        raise trouble[0]
    return found[0]
