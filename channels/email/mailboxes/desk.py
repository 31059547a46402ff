"""The store, as the threads of the mailboxes ask it: a context and a session for each question, none in between."""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import ParamSpec, TypeVar

from flask import Flask

from channels.email.mail_intake import Envelope, take_in
from channels.email.mailboxes.account import Account
from channels.gateway import STORE_TROUBLE, Received
from config.settings import Settings
from ticketing.store import db

AT_ONCE = 4  # mails that are taken in: reading one takes a processor and several times its size

P = ParamSpec("P")
R = TypeVar("R")


class StoreAway(Exception):
    """The store cannot be asked at the moment."""


class Desk:
    """What all watchers of this process share. `holder` is what the store knows this process by."""

    def __init__(self, app: Flask, *, holder: str, now: Callable[[], datetime]) -> None:
        settings: Settings = app.extensions["comptoir.settings"]
        self.holder = holder
        self.now = now
        self.largest = settings.smtp_max_bytes
        self._app = app
        self._turns = threading.BoundedSemaphore(AT_ONCE)

    def ask(self, question: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Ask the store, in a context of this question's own. Raises StoreAway."""
        with self._app.app_context():
            try:
                return question(*args, **kwargs)
            except STORE_TROUBLE as error:
                raise StoreAway(type(error).__name__) from error
            finally:
                db.session.remove()

    def take_in(self, account: Account, body: bytes, *, received_at: datetime) -> Received:
        """Keep a mail. Raises StoreAway, and what else the store has against it."""
        inbox = account.inbox_address
        envelope = Envelope(None, {inbox: []})  # which only the mailbox's own server has seen
        with self._turns:
            return self.ask(take_in, body, envelope, inbox, door="imap", at=self.now(), received_at=received_at)
