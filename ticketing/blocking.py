"""Addresses from which the desk takes nothing any more, on no channel: what comes from there is kept and ignored."""

from datetime import datetime
from typing import Any

from ticketing import audit
from ticketing.errors import InvalidInput, NotFound, SenderBlocked
from ticketing.events import Actor
from ticketing.models import Customer, Handle
from ticketing.reachability import hold

MAX_REASON = 500


def must_not_be_blocked(handle: Handle) -> None:
    """Raise SenderBlocked if the desk takes nothing from there."""
    if handle.blocked_at is not None:
        raise SenderBlocked(f"address {handle.id} of customer {handle.customer_id} is blocked")


def block(customer: Customer, handle_id: int, *, reason: str, by: Actor, at: datetime) -> None:
    """Take nothing from an address any more; a blocked one gets the new reason. The customer is locked.

    Raises NotFound, InvalidInput.
    """
    handle = _theirs(customer, handle_id)
    reason = " ".join(reason.split())
    if not 0 < len(reason) <= MAX_REASON:
        raise InvalidInput(f"say in 1 to {MAX_REASON} characters why it is blocked; colleagues read it")
    if handle.blocked_at is None:
        handle.blocked_at = at
        audit.record("handle_blocked", **_about(handle), by=by, at=at, data={"handle": handle.id})
    handle.blocked_reason = reason


def unblock(customer: Customer, handle_id: int, *, by: Actor, at: datetime) -> None:
    """Take what comes from an address again; nothing happens if it is not blocked. The customer is locked.

    Raises NotFound.
    """
    handle = _theirs(customer, handle_id)
    if handle.blocked_at is not None:
        handle.blocked_at, handle.blocked_reason = None, ""
        audit.record("handle_unblocked", **_about(handle), by=by, at=at, data={"handle": handle.id})


def _theirs(customer: Customer, handle_id: int) -> Handle:
    handle = hold(handle_id)
    if handle is None or handle.customer_id != customer.id or handle.detached_at is not None:
        raise NotFound(f"customer {customer.id} has no address {handle_id}")
    return handle


def _about(handle: Handle) -> dict[str, Any]:
    return {"subject": "customer", "subject_id": handle.customer_id}
