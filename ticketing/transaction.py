"""One transaction per request, job or inbound item, opened at the edge."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar

from flask import current_app
from sqlalchemy.orm import Session

from ticketing import journal, realtime
from ticketing.store import db, write_options

_writers_take_turns = threading.Lock()

# What the next transaction does first, and the first that commits has done; None: nothing. An edge sets it, and resets
# it afterwards (see `api.idempotency`).
first_act: ContextVar[Callable[[Session], None] | None] = ContextVar("first_act", default=None)


@contextmanager
def transaction(source: str) -> Iterator[Session]:
    """Run the block in one transaction: commit when it ends, roll back when it raises.

    `source` names the door (api, email, sms, ticker, …) and is kept with every journal entry. Inside: database only.
    What follows from the journal entries is handed to the workers after the commit, and whoever listens is told.
    Transactions do not nest.
    """
    session = db.session()
    if "source" in session.info:
        raise RuntimeError("a transaction is already open: open it at the edge, once")
    session.rollback()  # ends a read that came before, so that this transaction sees the newest state
    with _turn(session):
        session.connection(execution_options=write_options())
        session.info["source"] = source
        act = first_act.get()
        try:
            if act is not None:
                act(session)
            yield session
            written = journal.write(session)
            session.commit()
        except BaseException:
            session.rollback()
            journal.forget(session)
            raise
        finally:
            del session.info["source"]
    if act is not None:
        first_act.set(None)
    journal.dispatch(written)
    realtime.publish(written.news)


def _turn(session: Session) -> "threading.Lock | nullcontext[None]":
    """Let the writers of this process queue up here: SQLite's own waiting is a sleep, and unfair."""
    return _writers_take_turns if db.engine.dialect.name == "sqlite" else nullcontext()


def in_transaction() -> bool:
    """Say whether the caller is inside a transaction, where only the database may be touched."""
    return bool(current_app) and "source" in db.session().info
