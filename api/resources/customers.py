"""Customers: made, listed, read, changed, with their addresses and consents."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Response
from flask.views import MethodView

from api.auth import actor, caller
from api.blueprint import Blueprint
from api.pagination import Listed, id_after, page_by_id
from api.schemas.customers import (
    REACHING,
    CustomerChangeSchema,
    CustomerCSVQuery,
    CustomerPageSchema,
    CustomerQuery,
    CustomerSchema,
    DuplicatesSchema,
    NewBlockSchema,
    NewConsentSchema,
    NewCustomerSchema,
    NewHandleSchema,
)
from api.spreadsheet import csv_response, flat
from ticketing import audit, blocking, opt_outs, profile, reachability
from ticketing.customers import find_customer
from ticketing.duplicates import Likeness, duplicates_of
from ticketing.envelope import Channel
from ticketing.errors import NotFound
from ticketing.known import Wanted, list_customers, lock_known, read_customer
from ticketing.models import Consent, Customer, Handle
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.transaction import transaction

blueprint = Blueprint("customers", description="Who writes to us")

ROWS_AT_ONCE = 500
CSV_COLUMNS = (
    *("id", "name", "email", "phone", "language", "time_zone", "preferred_channels", "withheld", "notes", "fields"),
    *("erased_at", "created_at"),
)


@dataclass(frozen=True)
class Shown:
    """A customer as it is shown."""

    id: int
    name: str
    handles: Sequence[Handle]
    language: str
    time_zone: str
    preferred_channels: Sequence[str]
    consents: Sequence[Consent]
    opt_outs: Sequence[opt_outs.Shown]
    notes: str
    fields: dict[str, Any]
    merged_into: int | None
    erased_at: datetime | None
    created_at: datetime


@dataclass(frozen=True)
class Alike:
    """Who may be the same person, and why."""

    customer: Shown
    reasons: Sequence[Likeness]


@blueprint.route("/customers")
class Customers(MethodView):
    @blueprint.needs("customers:read")
    @blueprint.asks(CustomerQuery)
    @blueprint.answers(200, CustomerPageSchema, description="A page of customers")
    def get(self, asked: dict[str, Any]) -> Listed:
        """List the customers whom you may know, in the order in which they came."""
        rows = list_customers(caller(), _wanted(asked), after=id_after(asked["after"]), limit=asked["limit"])
        page = page_by_id(rows, asked["limit"])
        return Listed(shown(*page.items), page.next)

    @blueprint.needs("customers:write")
    @blueprint.takes(NewCustomerSchema)
    @blueprint.answers(201, CustomerSchema, description="The new customer")
    @blueprint.refuses(409)
    def post(self, new: dict[str, Any]) -> Shown:
        """Make a customer."""
        senders = profile.senders_from(new.pop("handles"), new["name"])
        with transaction("api"):
            customer = profile.create_customer(caller(), **new, handles=senders, at=utc_now())
            (made,) = shown(customer)
        return made


@blueprint.route("/customers.csv")
class CustomersAsCSV(MethodView):
    @blueprint.needs("customers:read")
    @blueprint.asks(CustomerCSVQuery)
    @blueprint.gives_file("All these customers as CSV", content_type="text/csv")
    def get(self, asked: dict[str, Any]) -> Response:
        """Download the customers whom you may know, all of them."""
        return csv_response("customers.csv", CSV_COLUMNS, _rows(_wanted(asked)))


@blueprint.route("/customers/<id:customer_id>")
class OneCustomer(MethodView):
    @blueprint.needs("customers:read")
    @blueprint.answers(200, CustomerSchema, description="The customer")
    @blueprint.refuses(404)
    def get(self, customer_id: int) -> Shown:
        """Read a customer."""
        (found,) = shown(read_customer(caller(), customer_id))
        return found

    @blueprint.needs("customers:write")
    @blueprint.takes(CustomerChangeSchema, example={"language": "fr", "preferred_channels": ["sms"]})
    @blueprint.answers(200, CustomerSchema, description="The customer as they are now")
    @blueprint.refuses(404, 409)
    def patch(self, wanted: dict[str, Any], customer_id: int) -> Shown:
        """Change a customer."""
        at = utc_now()
        with transaction("api"):
            customer = lock_known(caller(), customer_id)
            changed = profile.change_customer(customer, wanted, at=at)
            if changed:
                _note("customer_changed", customer_id, {"changed": changed}, at)
            (now,) = shown(customer)
        return now


@blueprint.route("/customers/<id:customer_id>/handles")
class Handles(MethodView):
    @blueprint.needs("customers:write")
    @blueprint.takes(NewHandleSchema)
    @blueprint.answers(201, CustomerSchema, description="The customer as they are now")
    @blueprint.refuses(404, 409)
    def post(self, new: dict[str, Any], customer_id: int) -> Shown:
        """Add an address. One of somebody else is refused: if that is the same person, merge them."""
        at = utc_now()
        with transaction("api"):
            customer = lock_known(caller(), customer_id)
            (handle,) = profile.add_handles(caller(), customer, profile.senders_from([new], customer.name), at=at)
            _note("handle_added", customer_id, {"handle": handle.id}, at)
            (now,) = shown(customer)
        return now


@blueprint.route("/customers/<id:customer_id>/handles/<id:handle_id>")
class OneHandle(MethodView):
    @blueprint.needs("customers:write")
    @blueprint.answers(204, description="Taken from the customer")
    @blueprint.refuses(404, 409)
    def delete(self, customer_id: int, handle_id: int) -> None:
        """Take an address from a customer; 409 while something is under way there."""
        at = utc_now()
        with transaction("api"):
            customer = lock_known(caller(), customer_id)
            profile.drop_handle(customer, handle_id, at=at)
            _note("handle_removed", customer_id, {"handle": handle_id}, at)


@blueprint.route("/customers/<id:customer_id>/handles/<id:handle_id>/unreachability")
class Unreachability(MethodView):
    @blueprint.needs("customers:write")
    @blueprint.answers(204, description="Used again")
    @blueprint.refuses(404, 409)
    def delete(self, customer_id: int, handle_id: int) -> None:
        """Use an address again from which our messages came back. The next one that does marks it anew."""
        with transaction("api"):
            customer = lock_known(caller(), customer_id)
            reachability.clear_by_hand(customer, handle_id, by=actor(), at=utc_now())


@blueprint.route("/customers/<id:customer_id>/handles/<id:handle_id>/block")
class Block(MethodView):
    @blueprint.needs("customers:write")
    @blueprint.takes(NewBlockSchema)
    @blueprint.answers(200, CustomerSchema, description="The customer as they are now")
    @blueprint.refuses(404, 409)
    def put(self, new: dict[str, Any], customer_id: int, handle_id: int) -> Shown:
        """Take nothing from an address any more, on no channel: calls are rejected, what is written is ignored."""
        with transaction("api"):
            customer = lock_known(caller(), customer_id)
            blocking.block(customer, handle_id, **new, by=actor(), at=utc_now())
            (now,) = shown(customer)
        return now

    @blueprint.needs("customers:write")
    @blueprint.answers(204, description="Taken in again")
    @blueprint.refuses(404, 409)
    def delete(self, customer_id: int, handle_id: int) -> None:
        """Take in again what comes from an address."""
        with transaction("api"):
            customer = lock_known(caller(), customer_id)
            blocking.unblock(customer, handle_id, by=actor(), at=utc_now())


@blueprint.route("/customers/<id:customer_id>/handles/<id:handle_id>/opt-outs/<id:inbox_id>")
class OneOptOut(MethodView):
    @blueprint.needs("customers:write")
    @blueprint.answers(204, description="Written to again")
    @blueprint.refuses(404, 409)
    def delete(self, customer_id: int, handle_id: int, inbox_id: int) -> None:
        """Write to an address again that had told an inbox not to, because the customer says so.

        A provider that keeps a list of its own refuses all the same, until the customer writes START.
        """
        with transaction("api"):
            customer = lock_known(caller(), customer_id)
            opt_outs.lift_by_hand(customer, handle_id, inbox_id, by=actor(), at=utc_now())


@blueprint.route("/customers/<id:customer_id>/consents/<channel>")
class OneConsent(MethodView):
    @blueprint.needs("customers:write")
    @blueprint.takes(NewConsentSchema, example={"given": False, "reason": "Said so on the phone."})
    @blueprint.answers(200, CustomerSchema, description="The customer as they are now")
    @blueprint.refuses(404, 409)
    def put(self, new: dict[str, Any], customer_id: int, channel: str) -> Shown:
        """Note whether the customer lets us write to them on a channel: phone, sms, whatsapp, email or chat."""
        if channel not in REACHING:
            raise NotFound(f"customers are reached by {', '.join(REACHING)}; not by {channel[:20]!r}")
        with transaction("api"):
            customer = lock_known(caller(), customer_id)
            profile.give_consent(customer, Channel(channel), **new, by=actor(), at=utc_now())
            (now,) = shown(customer)
        return now


@blueprint.route("/customers/<id:customer_id>/duplicates")
class Duplicates(MethodView):
    @blueprint.needs("customers:read")
    @blueprint.answers(200, DuplicatesSchema, description="Who may be the same person, the likeliest first")
    @blueprint.refuses(404)
    def get(self, customer_id: int) -> Listed:
        """Find out who may be the same person, and why. Nobody is merged by this."""
        found = duplicates_of(caller(), read_customer(caller(), customer_id))
        customers = shown(*(one.customer for one in found))
        return Listed([Alike(who, one.reasons) for who, one in zip(customers, found, strict=True)])


def shown(*customers: Customer) -> list[Shown]:
    """Return customers as they are shown, with their consents and opt-outs."""
    ids = [one.id for one in customers]
    consents, out = profile.consents_of(ids), opt_outs.of_customers(ids)
    return [
        Shown(
            one.id,
            one.name,
            one.handles,
            one.language,
            one.time_zone,
            one.preferred_channels,
            consents[one.id],
            out[one.id],
            one.notes,
            one.fields,
            one.merged_into_id,
            one.erased_at,
            one.created_at,
        )
        for one in customers
    ]


def shown_again(customer_id: int) -> Shown:
    """Return a customer as they are now, inside a transaction that has changed them by statements."""
    customer = find_customer(customer_id)
    db.session().refresh(customer, ["handles"])
    return shown(customer)[0]


def _wanted(asked: dict[str, Any]) -> Wanted:
    return Wanted(words=asked["q"], email=asked["email"], phone=asked["phone"])


def _note(kind: str, customer_id: int, data: dict[str, Any], at: datetime) -> None:
    audit.record(kind, subject="customer", subject_id=customer_id, by=actor(), at=at, data=data)


def _rows(wanted: Wanted) -> Any:
    """Return all these customers as rows, some at a time; nothing stays open while a slow client takes them."""
    who, after, more = caller(), 0, True
    while more:
        page = page_by_id(list_customers(who, wanted, after=after, limit=ROWS_AT_ONCE), ROWS_AT_ONCE)
        rows = [_row(one) for one in shown(*page.items)]
        after, more = (rows[-1][0] if rows else 0), page.next is not None
        db.session.remove()
        yield from rows


def _row(one: Shown) -> list[Any]:
    addresses = {kind: [handle.address for handle in one.handles if handle.kind == kind] for kind in ("email", "phone")}
    withheld = [consent.channel.value for consent in one.consents if not consent.given]
    return flat({**vars(one), **addresses, "withheld": withheld}, CSV_COLUMNS)
