"""Several actions on a ticket at once."""

from typing import Any

from flask.views import MethodView
from sqlalchemy.orm import Session

from api.auth import caller, calling_agent
from api.blueprint import Blueprint
from api.pagination import Listed, PageQuery, id_after, page_by_id
from api.references import named_in_the_body
from api.schemas.tickets import TicketSchema
from api.schemas.writing import (
    AppliedSchema,
    ApplyQuery,
    MacroChangeSchema,
    MacroPageSchema,
    MacroSchema,
    NewMacroSchema,
    WrittenSchema,
)
from api.versions import check_if_match
from ticketing import belonging, journal
from ticketing.macros import Hand, apply, change_macro, find_macro, make_macro, remove_macro
from ticketing.models import Macro
from ticketing.moment import utc_now
from ticketing.queries import lock_seen
from ticketing.transaction import transaction

blueprint = Blueprint("macros", description="Several actions at once")


@blueprint.route("/macros")
class Macros(MethodView):
    @blueprint.needs("settings:read")
    @blueprint.asks(PageQuery)
    @blueprint.answers(200, MacroPageSchema, description="A page of macros")
    def get(self, asked: dict[str, Any]) -> Listed:
        """List the macros that you may use: your own, your queues' and the desk's."""
        after, limit = id_after(asked["after"]), asked["limit"]
        return page_by_id(belonging.page(Macro, caller(), after=after, limit=limit + 1), limit)

    @blueprint.needs("settings:write")
    @blueprint.takes(NewMacroSchema)
    @blueprint.answers(201, MacroSchema, description="The new macro")
    def post(self, new: dict[str, Any]) -> Macro:
        """Make a macro."""
        new["queue_id"] = new.pop("queue")
        with transaction("api"), named_in_the_body():
            return make_macro(caller(), **new, at=utc_now())


@blueprint.route("/macros/<id:macro_id>")
class OneMacro(MethodView):
    @blueprint.needs("settings:read")
    @blueprint.answers(200, MacroSchema, description="The macro")
    @blueprint.refuses(404)
    def get(self, macro_id: int) -> Macro:
        """Read a macro."""
        return find_macro(caller(), macro_id)

    @blueprint.needs("settings:write")
    @blueprint.takes(MacroChangeSchema)
    @blueprint.answers(200, MacroSchema, description="The macro as it is now")
    @blueprint.refuses(404)
    def patch(self, wanted: dict[str, Any], macro_id: int) -> Macro:
        """Change a macro."""
        with transaction("api"):
            row = find_macro(caller(), macro_id)
            change_macro(row, caller(), wanted, at=utc_now())
        return row

    @blueprint.needs("settings:write")
    @blueprint.answers(204, description="The macro is out of use")
    @blueprint.refuses(404)
    def delete(self, macro_id: int) -> None:
        """Take a macro out of use."""
        with transaction("api"):
            remove_macro(find_macro(caller(), macro_id), caller(), at=utc_now())


@blueprint.route("/tickets/<id:ticket_id>/macros/<id:macro_id>")
class AppliedMacro(MethodView):
    @blueprint.needs("tickets:write")
    @blueprint.reads_if_match()
    @blueprint.asks(ApplyQuery)
    @blueprint.answers(200, AppliedSchema, description="What it did, or would do")
    @blueprint.refuses(404, 409, 412)
    def post(self, asked: dict[str, Any], ticket_id: int, macro_id: int) -> dict[str, Any]:
        """Apply a macro to a ticket: all of its actions, or none. It can do no more than you can."""
        try:
            with transaction("api") as session:
                return _apply(session, ticket_id, macro_id, dry_run=asked["dry_run"])
        except _ForShow as shown:
            return shown.told


class _ForShow(Exception):
    """Ends a transaction that was only to show what would happen."""

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__()
        self.told = told


def _apply(session: Session, ticket_id: int, macro_id: int, *, dry_run: bool) -> dict[str, Any]:
    """Apply the macro and tell what it did, at once: after a transaction for show there is nothing left to look at."""
    macro = find_macro(caller(), macro_id)
    ticket = lock_seen(caller(), ticket_id)
    check_if_match(ticket)
    before = journal.mark(session)
    messages = apply(macro, Hand(ticket, caller(), calling_agent(), utc_now()))
    session.flush()
    told = {
        "dry_run": dry_run,
        "ticket": TicketSchema().dump(ticket),
        "messages": WrittenSchema().dump(messages, many=True),
        "events": [{"kind": line["kind"], "data": line["data"]} for line in journal.since(session, before)],
    }
    if dry_run:
        raise _ForShow(told)
    return told
