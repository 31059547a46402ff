"""Hold what a mailbox has against what we have: fetch what is missing, forget what is gone, count both.

Done at every connection and every few minutes, so that nothing depends on having been told of each mail.
"""

import threading
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from channels.email.mailboxes import store
from channels.email.mailboxes.account import Account
from channels.email.mailboxes.connection import Connection, Folder, day_before
from channels.email.mailboxes.desk import Desk
from channels.email.mailboxes.errors import MailRefused
from channels.email.mailboxes.fetching import TOGETHER, Fate, take_all
from channels.email.mailboxes.store import Known

PART = 5_000  # mails that are held against the store at once
CANNOT_MOVE = "the server can neither MOVE nor UIDPLUS, so mail stays where it is"


@dataclass
class Round:
    """One look through a mailbox, and what came of it. `last` is the highest UID that was looked at."""

    connection: Connection
    account: Account
    desk: Desk
    stop: threading.Event
    on_server: int = 0
    missing: int = 0
    last: int = 0
    warning: str = ""

    def take(self, uids: Sequence[int]) -> None:
        """Take mails in, and move them where they shall go."""
        for start in range(0, len(uids), TOGETHER):
            if self.stop.is_set():
                return
            fates = take_all(self.connection, self.account, uids[start : start + TOGETHER], self.desk)
            kept = [uid for uid, fate in fates.items() if fate is Fate.KEPT]
            gone = [uid for uid, fate in fates.items() if fate is Fate.GONE]
            self.desk.ask(store.forget, self.account, gone)  # else one that had failed before would be due for ever
            self.missing -= len(kept) + len(gone)
            self.on_server -= len(gone)
            self.move(kept)

    def move(self, uids: Sequence[int]) -> None:
        """Move mails that we have, if that is wanted; what the server refuses stays, and is told."""
        if self.account.move_to is None or not uids:
            return
        if not self.connection.can_move:
            self.warning = CANNOT_MOVE
            return
        try:
            self.connection.move(uids, self.account.move_to)
            self.on_server -= len(uids)
        except MailRefused as refused:
            self.warning = str(refused)


def reconcile(connection: Connection, account: Account, desk: Desk, stop: threading.Event) -> Round:
    """Look through the whole mailbox and take in what is missing. Raises MailboxTrouble, StoreAway."""
    folder = connection.look()
    account = desk.ask(store.note_look, account, folder)
    this = Round(connection, account, desk, stop, last=folder.uid_next - 1)
    before = 0
    for part in _parts(_ours(connection, account, folder, desk)):
        _hold_against(this, part, desk.ask(store.have, account, before + 1, part[-1]))
        before = part[-1]
        if stop.is_set():
            return this
    desk.ask(store.forget, account, desk.ask(store.have, account, before + 1).keys())
    desk.ask(store.forget_old_numbers, account)
    this.last = max(this.last, before)
    counted = {"on_server": max(0, this.on_server), "missing": max(0, this.missing)}
    desk.ask(store.note_count, account, **counted, warning=this.warning, at=desk.now())
    return this


def _ours(connection: Connection, account: Account, folder: Folder, desk: Desk) -> "array[int]":
    """Return the UIDs of the mails that concern us, in ascending order."""
    if account.since_at is None:
        return connection.numbers(folder)
    # The second in which we were connected counts: servers know no smaller ones.
    since_at = account.since_at.replace(microsecond=0)
    ours = array("L")
    maybe = connection.numbers(folder, below=account.first_uid, came=day_before(since_at))
    for part in _parts(maybe, TOGETHER * 10):
        known = desk.ask(store.have, account, part[0], part[-1])
        arrivals = connection.arrivals([uid for uid in part if uid not in known])
        ours.extend(uid for uid in part if uid in known or arrivals.get(uid, since_at) >= since_at)
    return ours + connection.numbers(folder, since=account.first_uid)


def _hold_against(this: Round, part: "array[int]", known: Mapping[int, Known]) -> None:
    """Forget what is gone of a part of the mailbox, take in what is missing, move what was left to be moved."""
    now, there = this.desk.now(), set(part)
    this.desk.ask(store.forget, this.account, known.keys() - there)
    got = [uid for uid in part if (one := known.get(uid)) is not None and one.item_id is not None]
    new = [uid for uid in part if uid not in known]
    due = [uid for uid in part if (one := known.get(uid)) is not None and one.item_id is None and _is_due(one, now)]
    this.on_server += len(part)
    this.missing += len(part) - len(got)
    this.take(new)
    this.take(due)  # behind the new ones, lest one that breaks the connection hold them up
    this.move(got)


def _is_due(one: Known, now: datetime) -> bool:
    return one.next_at is None or one.next_at <= now


def _parts(uids: "array[int]", size: int = PART) -> "Iterator[array[int]]":
    for start in range(0, len(uids), size):
        yield uids[start : start + size]
