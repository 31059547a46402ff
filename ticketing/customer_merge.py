"""Merge customers who turned out to be one person, and part them again.

Rows are moved by plain updates: no ticket gets a new version or another time by it. What was there before is written
down beside, so that parting puts every row back; what came later stays where it is.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Table, delete, insert, or_, select, update

from ticketing import audit, journal
from ticketing.agents import Caller
from ticketing.customers import lock_customers
from ticketing.errors import Conflict, Erased
from ticketing.events import Actor, CustomersMerged, CustomersUnmerged
from ticketing.known import must_be_changeable, must_know
from ticketing.models import Claim, Consent, Customer, CustomerMerge, Handle, Message, Ticket
from ticketing.moment import rfc3339
from ticketing.renaming import index_again
from ticketing.store import Base, db

CHUNK = 500  # ids in one statement
MOVED: dict[str, tuple[type[Base], str]] = {  # table -> its model, and the column that says whose a row is
    "handle": (Handle, "customer_id"),
    "ticket": (Ticket, "customer_id"),
    "message": (Message, "author_customer_id"),
    "claim": (Claim, "customer_id"),
}
PROFILE = ("name", "name_key", "language", "time_zone", "preferred_channels", "fields", "notes")


def merge(caller: Caller, merged_id: int, kept_id: int, *, at: datetime) -> CustomerMerge:
    """Make of two customers one, `kept_id`. Both are locked, in the order of their ids.

    Raises Conflict for one customer twice, NotFound, Merged, Erased.
    """
    return join(merged_id, kept_id, by=Actor.agent(caller.agent_id), at=at)


def join(merged_id: int, kept_id: int, *, by: Actor, at: datetime) -> CustomerMerge:
    """Merge, like `merge`; by SYSTEM when it is proven that they are one person: no agent has to know them."""
    if merged_id == kept_id:
        raise Conflict(f"customer {kept_id} cannot be merged into themselves")
    merged, kept = _locked(merged_id, kept_id)
    for one in (merged, kept):  # so that there is no circle either
        must_be_changeable(one)
    moved = {table: _rows_of(table, merged.id) for table in MOVED}
    for table, ids in moved.items():
        _move(table, ids, merged.id, kept.id)
    before: dict[str, Any] = {**moved, "customer": _fill_gaps(kept, merged), "consent": _stricter(kept, merged, at)}
    merged.merged_into_id = kept.id
    row = CustomerMerge(kept_id=kept.id, merged_id=merged.id, before=before, by_id=by.id, at=at)
    db.session().add(row)
    event = CustomersMerged(merged=merged.id, kept=kept.id)
    _tell("customers_merged", row, event, moved["ticket"], by=by, at=at)
    return row


def unmerge(caller: Caller, customer_id: int, *, at: datetime) -> CustomerMerge:
    """Undo the newest merge of or into a customer. Raises NotFound, Conflict, Erased."""
    newest = _newest(customer_id)
    if newest is None:
        raise Conflict(f"customer {customer_id} was never merged, or is parted again already")
    for one in (newest.kept_id, newest.merged_id):
        must_know(caller, one)
    merged, kept = _locked(newest.merged_id, newest.kept_id)
    row = db.session().get_one(CustomerMerge, newest.id, populate_existing=True)
    _must_be_undoable(row, kept)
    for table in MOVED:
        _move(table, row.before.get(table, ()), kept.id, merged.id)  # claims came with a later version
    _empty_gaps(kept, row.before["customer"])
    _less_strict(kept, row.before["consent"])
    merged.merged_into_id = None
    row.undone_at = at
    event = CustomersUnmerged(kept=kept.id, parted=merged.id)
    _tell("customers_unmerged", row, event, row.before["ticket"], by=Actor.agent(caller.agent_id), at=at)
    return row


def merges_of(customer_id: int, *, after: int, limit: int) -> Sequence[CustomerMerge]:
    """Return up to `limit` + 1 merges of or into a customer, the undone ones too, oldest first."""
    query = select(CustomerMerge).where(_about(customer_id), CustomerMerge.id > after)
    return db.session().scalars(query.order_by(CustomerMerge.id).limit(limit + 1)).all()


def _about(customer_id: int) -> Any:
    return or_(CustomerMerge.kept_id == customer_id, CustomerMerge.merged_id == customer_id)


def _newest(customer_id: int) -> CustomerMerge | None:
    query = select(CustomerMerge).where(_about(customer_id), CustomerMerge.undone_at.is_(None))
    return db.session().scalar(query.order_by(CustomerMerge.id.desc()).limit(1))


def _must_be_undoable(row: CustomerMerge, kept: Customer) -> None:
    if row.undone_at is not None:
        raise Conflict(f"customers {row.kept_id} and {row.merged_id} have just been parted")
    if kept.erased_at is not None:
        raise Erased(f"customer {kept.id} asked to be forgotten, and customer {row.merged_id} with them")
    newest = _newest(kept.id)
    if newest is not None and newest.id != row.id:
        raise Conflict(
            f"customer {newest.merged_id} was merged into {newest.kept_id} later, on top of this; undo that first, "
            f"by POST /customers/{newest.merged_id}/unmerge"
        )


def _locked(merged_id: int, kept_id: int) -> tuple[Customer, Customer]:
    both = lock_customers([merged_id, kept_id])
    return both[merged_id], both[kept_id]


def _rows_of(table: str, customer_id: int) -> list[int]:
    """Return the ids of a customer's rows, which are locked in the order of their ids."""
    model, column = MOVED[table]
    rows: Table = model.__table__  # type: ignore[assignment]  # of a mapped class it is one
    query = select(rows.c.id).where(rows.c[column] == customer_id).order_by(rows.c.id)
    return list(db.session().scalars(query.with_for_update(key_share=True)))


def _move(table: str, ids: Sequence[int], before: int, after: int) -> None:
    """Give the rows to somebody else, of those that are still where they were."""
    model, column = MOVED[table]
    rows: Table = model.__table__  # type: ignore[assignment]
    for start in range(0, len(ids), CHUNK):
        mine = (rows.c.id.in_(ids[start : start + CHUNK]), rows.c[column] == before)
        db.session().execute(update(rows).where(*mine).values({column: after}))
    for held in db.session().identity_map.values():
        if isinstance(held, model):
            db.session().expire(held)


def _fill_gaps(kept: Customer, merged: Customer) -> dict[str, Any]:
    """Let the kept customer know what only the other did; return what was there."""
    before = {name: getattr(kept, name) for name in PROFILE}
    if not kept.name:
        kept.name, kept.name_key = merged.name, merged.name_key
    kept.language = kept.language or merged.language
    kept.time_zone = kept.time_zone or merged.time_zone
    kept.preferred_channels = kept.preferred_channels or merged.preferred_channels
    kept.fields = {**merged.fields, **kept.fields}
    kept.notes = "\n\n".join(dict.fromkeys(one for one in (kept.notes, merged.notes) if one))
    db.session().flush()
    after = {name: getattr(kept, name) for name in PROFILE}
    return {"before": before, "after": after}


def _empty_gaps(kept: Customer, change: Mapping[str, Mapping[str, Any]]) -> None:
    """Take back what the merge has filled in; what somebody has changed since stays."""
    before, after = change["before"], change["after"]
    for name in PROFILE:
        if name != "fields" and getattr(kept, name) == after[name]:
            setattr(kept, name, before[name])
    added = {name: value for name, value in after["fields"].items() if name not in before["fields"]}
    if kept.fields == after["fields"]:
        kept.fields = before["fields"]
        return
    kept.fields = {name: value for name, value in kept.fields.items() if name not in added or value != added[name]}


def _stricter(kept: Customer, merged: Customer, at: datetime) -> list[dict[str, Any]]:
    """Let a no of the other count for both; return by channel what was there (None: nothing) and what is now."""
    session = db.session()
    said = {one: _consents(one.id) for one in (kept, merged)}
    changes = []
    for channel, theirs in said[merged].items():
        ours = said[kept].get(channel)
        if ours is None or (ours["given"] and not theirs["given"]):
            session.execute(delete(Consent).where(Consent.customer_id == kept.id, Consent.channel == channel))
            session.execute(insert(Consent).values(customer_id=kept.id, channel=channel, **theirs))
            changes.append({"channel": channel, "before": _plain(ours), "after": _plain(theirs)})
    return changes


def _less_strict(kept: Customer, changes: Sequence[Mapping[str, Any]]) -> None:
    session = db.session()
    now = _consents(kept.id)
    for change in changes:
        if _plain(now.get(change["channel"])) != change["after"]:
            continue  # the customer has said something else since
        theirs = (Consent.customer_id == kept.id, Consent.channel == change["channel"])
        session.execute(delete(Consent).where(*theirs))
        if change["before"] is not None:
            ours = {**change["before"], "at": datetime.fromisoformat(change["before"]["at"])}
            session.execute(insert(Consent).values(customer_id=kept.id, channel=change["channel"], **ours))


def _consents(customer_id: int) -> dict[str, dict[str, Any]]:
    columns = (Consent.channel, Consent.given, Consent.reason, Consent.at)
    rows = db.session().execute(select(*columns).where(Consent.customer_id == customer_id))
    return {channel: {"given": given, "reason": reason, "at": at} for channel, given, reason, at in rows}


def _plain(said: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if said is None else {**said, "at": rfc3339(said["at"])}


def _tell(
    kind: str,
    row: CustomerMerge,
    event: CustomersMerged | CustomersUnmerged,
    tickets: Sequence[int],
    *,
    by: Actor,
    at: datetime,
) -> None:
    db.session().flush()
    journal.note(tickets, event, by=by, at=at)
    data = {"kept": row.kept_id, "merged": row.merged_id, "tickets": len(tickets)}
    audit.record(kind, subject="customer", subject_id=row.kept_id, by=by, at=at, data=data)
    index_again(tickets, at=at)
