"""Answers kept for requests that are sent again with the same `Idempotency-Key`.

The claim is written by the transaction that does the work, so both happen or neither, and its unique key decides
between two at once. The answer follows right after the commit; whoever dies in between leaves a claim without one.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ticketing.errors import InvalidInput
from ticketing.models import KeptAnswer
from ticketing.secrets import decrypt, encrypt
from ticketing.store import db

KEPT_FOR = timedelta(hours=24)


class Claimed(Exception):
    """Another request has done the work under this key. No TicketingError: nobody on the way may catch it."""


def claim(session: Session, *, holder: str, key: str, digest: str, at: datetime) -> None:
    """Say in this transaction that its work is done under a key; waits for another that has not committed yet.

    Raises Claimed when the other one committed.
    """
    try:
        session.execute(insert(KeptAnswer).values(holder=holder, key=key, digest=digest, headers={}, at=at))
    except IntegrityError:
        raise Claimed("another request with this key has done the work") from None


def kept_answer(holder: str, key: str) -> KeptAnswer | None:
    """Return what is kept under a key, as it is now; None: nothing."""
    query = select(KeptAnswer).where(KeptAnswer.holder == holder, KeptAnswer.key == key)
    return db.session().scalar(query.execution_options(populate_existing=True))


def keep(holder: str, key: str, *, status: int, headers: Mapping[str, Any], body: bytes, secret_key: str) -> None:
    """Keep the answer to a request whose claim is committed. It is encrypted: it may show a secret this once."""
    sealed = encrypt(body.decode("latin-1"), secret_key).encode("ascii")
    which = (KeptAnswer.holder == holder, KeptAnswer.key == key)
    db.session().execute(update(KeptAnswer).where(*which).values(status=status, headers=dict(headers), body=sealed))


def keep_at_once(
    session: Session, *, holder: str, key: str, digest: str, status: int, body: bytes, secret_key: str, at: datetime
) -> None:
    """Keep the answer to a request that is done already. Raises Claimed when another one has kept its own."""
    sealed = encrypt(body.decode("latin-1"), secret_key).encode("ascii")
    values = {"holder": holder, "key": key, "digest": digest, "status": status, "headers": {}, "body": sealed, "at": at}
    try:
        session.execute(insert(KeptAnswer).values(**values))
    except IntegrityError:
        raise Claimed("another request with this key has done the work") from None


def body_of(row: KeptAnswer, secret_key: str) -> bytes | None:
    """Return the body of a kept answer; None when it was lost, or the secret key is another one now."""
    if row.body is None:
        return None
    try:
        return decrypt(row.body.decode("ascii"), secret_key).encode("latin-1")
    except InvalidInput:
        return None


def forget(holder: str, key: str) -> None:
    """Free a key: what was done under it may be done again."""
    db.session().execute(delete(KeptAnswer).where(KeptAnswer.holder == holder, KeptAnswer.key == key))


def forget_old(*, before: datetime, limit: int) -> int:
    """Delete at most `limit` of the answers that were kept before a moment; return how many there were."""
    query = select(KeptAnswer.holder, KeptAnswer.key).where(KeptAnswer.at < before).order_by(KeptAnswer.at)
    rows = db.session().execute(query.limit(limit)).all()
    for holder, key in rows:
        forget(holder, key)
    return len(rows)
