"""Hash and compare passwords outside the web worker's loop, a few at once: each takes 19 MiB and some milliseconds."""

import threading
from functools import partial

from api.off_loop import off_loop
from ticketing import passwords

AT_ONCE = 2  # in one process; the others wait their turn

_turns = threading.BoundedSemaphore(AT_ONCE)


def hashed(password: str) -> str:
    """Return the password in the form in which it is kept."""
    with _turns:
        return off_loop(partial(passwords.hashed, password))


def is_right(password: str, kept: str | None) -> bool:
    """Say whether this is the password; without one the answer is no, after the same time."""
    with _turns:
        return off_loop(partial(passwords.is_right, password, kept))
