"""A thread for each mailbox that this process watches, and one that sees to it that every mailbox has one somewhere.

Of several processes one watches a mailbox: whoever holds its lease (see `store.claim_free`). If two do after all, for a
moment, nothing comes twice, for the items' keys decide that.
"""

import os
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from flask import Flask

from channels.email.mailboxes import store, tokens
from channels.email.mailboxes.account import Account
from channels.email.mailboxes.connection import Connection
from channels.email.mailboxes.desk import Desk, StoreAway
from channels.email.mailboxes.errors import LoginRefused, MailboxTrouble
from channels.email.mailboxes.reconciling import Round, reconcile
from channels.email.models import MailLogin
from ticketing.moment import utc_now

log = structlog.get_logger()

STOP_SECONDS = 1.2  # for a watcher to end by itself, before its connection is cut


@dataclass(frozen=True)
class Pace:
    """How often what is done; seconds. The last pause of each kind comes again and again."""

    oversee: float = 2.0
    look: float = 60.0  # whatever IDLE says: some servers forget to speak, some networks forget the connection
    poll: float = 30.0  # without IDLE
    count: float = 300.0
    pauses: tuple[float, ...] = (1, 5, 15, 60, 300)
    refused: tuple[float, ...] = (15, 60, 300, 900)  # the login: servers lock out who tries too often


class MailboxWatch:
    """Watches mailboxes until it is stopped."""

    def __init__(
        self,
        app: Flask,
        *,
        pace: Pace | None = None,
        tls: ssl.SSLContext | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Prepare; `tls` is the system's trust store unless given."""
        holder = f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"
        self._desk = Desk(app, holder=holder, now=now)
        self._pace = pace or Pace()
        self._tls = tls
        self._watchers: dict[int, Watcher] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mailboxes", daemon=True)

    def start(self) -> "MailboxWatch":
        """Begin, in the background."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End all watchers, within two seconds, and let others watch their mailboxes."""
        self._stop.set()
        self._thread.join(STOP_SECONDS)
        _end(list(self._watchers.values()))

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._oversee()
            except StoreAway as away:
                log.warning("mailboxes cannot be overseen", reason=str(away))
            except Exception:
                log.exception("mailboxes cannot be overseen")
            self._stop.wait(self._pace.oversee)
        self._release()

    def _oversee(self) -> None:
        """End the watchers of what is no longer ours or has changed; begin to watch what nobody watches."""
        desk = self._desk
        held = desk.ask(store.renew, desk.holder, at=desk.now())
        for mailbox_id, watcher in list(self._watchers.items()):
            if held.get(mailbox_id) != watcher.account.updated_at or not watcher.is_alive():
                _end([watcher])
                del self._watchers[mailbox_id]
        left = [one for one in held if one not in self._watchers]
        if left:
            desk.ask(store.release, desk.holder, left)  # to be claimed anew, as they are now
        for account in desk.ask(store.claim_free, desk.holder, at=desk.now()):
            watcher = Watcher(desk, account, self._pace, self._tls)
            self._watchers[account.id] = watcher
            watcher.start()

    def _release(self) -> None:
        for watcher in self._watchers.values():
            watcher.stop.set()
        try:
            self._desk.ask(store.release, self._desk.holder, list(self._watchers))
        except StoreAway as away:  # then the leases run out by themselves
            log.warning("mailboxes not released", reason=str(away))


class Watcher(threading.Thread):
    """Reads one mailbox until it is stopped, whatever goes wrong meanwhile."""

    def __init__(self, desk: Desk, account: Account, pace: Pace, tls: ssl.SSLContext | None) -> None:
        super().__init__(name=f"mailbox {account.id}", daemon=True)
        self.account = account
        self.stop = threading.Event()
        self._desk = desk
        self._pace = pace
        self._tls = tls
        self._failures = account.failures
        self._kind: str | None = None  # what went wrong last; None: that was another thread's to know
        self._alike = account.failures - 1
        self._connection: Connection | None = None

    def run(self) -> None:
        """Watch, and after a failure again."""
        self.stop.wait(self._until(self.account.next_at))
        while not self.stop.is_set():
            try:
                self._watch()
            except StoreAway as away:
                log.warning("mailbox waits for the store", mailbox_id=self.account.id, reason=str(away))
                self.stop.wait(self._pace.pauses[1])
            except MailboxTrouble as trouble:
                self._rest(trouble)
            except Exception as error:
                log.exception("mailbox cannot be watched", mailbox_id=self.account.id)
                self._rest(MailboxTrouble(f"something is wrong on our side ({type(error).__name__}); see the log"))

    def cut(self) -> None:
        """Break the connection, from another thread."""
        if self._connection is not None:
            self._connection.cut()

    def _watch(self) -> None:
        self._connection = self._logged_in()
        try:
            this = self._reconcile(self._connection)
            while not self.stop.is_set():
                this = self._wait_and_look(this)
        finally:
            self._connection.close()
            self._connection = None

    def _logged_in(self) -> Connection:
        """Connect; an access token that was kept and is refused is renewed once."""
        now = self._desk.now
        given = self._desk.ask(tokens.log_in_with, self.account.id, now=now)
        try:
            return self._open(given)
        except LoginRefused:
            if self.account.login is MailLogin.PASSWORD:
                raise
            return self._open(self._desk.ask(tokens.log_in_with, self.account.id, now=now, refused=given.access_token))

    def _open(self, given: tokens.LogIn) -> Connection:
        return Connection.open(self.account, password=given.password, access_token=given.access_token, tls=self._tls)

    def _reconcile(self, connection: Connection) -> "Looked":
        started = time.monotonic()
        this = reconcile(connection, self.account, self._desk, self.stop)
        self._failures, self._kind = 0, ""
        self.account = this.account
        log.info(
            "mailbox counted",
            mailbox_id=self.account.id,
            on_server=this.on_server,
            missing=this.missing,
            seconds=round(time.monotonic() - started, 3),
        )
        # A mailbox that takes long to look through is not looked through all the time.
        pause = max(self._pace.count, 50 * (time.monotonic() - started))
        return Looked(this, count_at=self._desk.now() + timedelta(seconds=pause))

    def _wait_and_look(self, looked: "Looked") -> "Looked":
        """Wait for news, and take them in; count again when that is due, or a mail is to be tried again."""
        connection, account = looked.round.connection, looked.round.account
        retry_at = self._desk.ask(store.next_retry, account)
        due_at = min(looked.count_at, retry_at) if retry_at else looked.count_at
        longest = self._pace.look if connection.can_idle else self._pace.poll
        connection.wait(min(longest, self._until(due_at)), self.stop)
        if self.stop.is_set():
            return looked
        if self._until(due_at) <= 0:
            return self._reconcile(connection)
        # What came while others were fetched the server has told of by then, and IDLE does not tell it again.
        while not self.stop.is_set() and (new := connection.newer_than(looked.round.last)):
            looked.round.take(new)
            looked.round.last = new[-1]
        self._desk.ask(store.note_seen, account, at=self._desk.now())
        return looked

    def _rest(self, trouble: MailboxTrouble) -> None:
        """Note what is wrong, and wait before the next attempt."""
        if self.stop.is_set():
            return
        pauses = self._pace.refused if isinstance(trouble, LoginRefused) else self._pace.pauses
        self._alike = self._alike + 1 if self._kind in (None, trouble.code) else 0
        self._kind = trouble.code
        pause = pauses[min(self._alike, len(pauses) - 1)]
        self._failures += 1
        next_at = self._desk.now() + timedelta(seconds=pause)
        log.warning(
            "mailbox in trouble", mailbox_id=self.account.id, kind=trouble.code, failures=self._failures, pause=pause
        )
        try:
            self._desk.ask(store.note_trouble, self.account, str(trouble), failures=self._failures, next_at=next_at)
        except StoreAway as away:
            log.warning("mailbox waits for the store", mailbox_id=self.account.id, reason=str(away))
        self.stop.wait(pause)

    def _until(self, moment: datetime | None) -> float:
        return max(0.0, (moment - self._desk.now()).total_seconds()) if moment is not None else 0.0


@dataclass
class Looked:
    """The last look through a mailbox, and when the next is due."""

    round: Round
    count_at: datetime


def _end(watchers: "list[Watcher]") -> None:
    """End watchers: ask, wait a moment, then break their connections."""
    for one in watchers:
        one.stop.set()
    until = time.monotonic() + STOP_SECONDS
    for one in watchers:
        one.join(max(0.0, until - time.monotonic()))
    for one in watchers:
        if one.is_alive():
            one.cut()
