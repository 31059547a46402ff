"""Flask without what Comptoir has no use for: each of it costs every request some time."""

from collections.abc import Callable
from typing import Any

from flask import Flask, Request
from flask.sessions import NullSession, SessionInterface


class BareFlask(Flask):
    """Flask that has only plain functions to call: it need not look at each whether it is a coroutine."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as it is."""
        return func


class NoSessions(SessionInterface):
    """No session of Flask's: who has logged in is in the database (see `ticketing.sessions`)."""

    def open_session(self, app: Flask, request: Request) -> NullSession:
        """Return what refuses to be written to."""
        return NullSession()

    def save_session(self, *_: Any) -> None:
        """Do nothing."""
