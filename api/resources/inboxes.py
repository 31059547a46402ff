"""Our addresses on channels."""

from dataclasses import dataclass
from typing import Any

from flask import current_app
from flask.views import MethodView

from api.auth import actor, caller
from api.blueprint import Blueprint
from api.inboxes_shown import ShownInbox, shown
from api.pagination import Listed, PageQuery, id_after, page_by_id
from api.references import named_in_the_body, queue_named
from api.schemas.desk import InboxPageSchema, InboxSchema
from api.schemas.inboxes import InboxChangeSchema, NewInboxSchema, SecretSchema
from ticketing import audit, inboxes
from ticketing.directory import inboxes_worked, worked_inbox
from ticketing.models import Inbox, Role
from ticketing.moment import utc_now
from ticketing.transaction import transaction

BUT_WORDS = frozenset({"greeting", "signature", "texts"})

blueprint = Blueprint("inboxes", description="Our addresses on channels")


@dataclass(frozen=True)
class Shown:
    """A secret, this once."""

    secret: str


@blueprint.route("/inboxes")
class Inboxes(MethodView):
    @blueprint.needs("queues:read")
    @blueprint.asks(PageQuery)
    @blueprint.answers(200, InboxPageSchema, description="A page of inboxes")
    def get(self, asked: dict[str, Any]) -> Listed:
        """List the inboxes that fill your queues. Their secrets are never shown."""
        rows = inboxes_worked(caller(), after=id_after(asked["after"]), limit=asked["limit"])
        return page_by_id(shown(rows), asked["limit"])

    @blueprint.needs("queues:write", role=Role.ADMIN)
    @blueprint.takes(NewInboxSchema)
    @blueprint.answers(201, InboxSchema, description="The new inbox")
    @blueprint.refuses(409)
    def post(self, new: dict[str, Any]) -> ShownInbox:
        """Open an address of ours. A mail inbox gets its secret from `POST /inboxes/{id}/secret`."""
        with transaction("api"):
            queue, at = queue_named(new.pop("queue")), utc_now()
            settings = {key: value for key, value in new.pop("settings").items() if value is not None}
            row = inboxes.create_inbox(
                **new, queue=queue, settings=inboxes.checked(settings), secret_key=_secret_key(), at=at
            )
            told = {"channel": row.channel, "queue": queue.id}
            audit.record("inbox_created", subject="inbox", subject_id=row.id, by=actor(), at=at, data=told)
            return shown([row])[0]


@blueprint.route("/inboxes/<id:inbox_id>")
class OneInbox(MethodView):
    @blueprint.needs("queues:read")
    @blueprint.answers(200, InboxSchema, description="The inbox")
    @blueprint.refuses(404)
    def get(self, inbox_id: int) -> ShownInbox:
        """Read an inbox that fills one of your queues."""
        return shown([worked_inbox(caller(), inbox_id)])[0]

    @blueprint.needs("queues:write", role=Role.ADMIN)
    @blueprint.takes(InboxChangeSchema, example={"queue": "Support", "settings": {"language": "fr-CA"}})
    @blueprint.answers(200, InboxSchema, description="The inbox as it is now")
    @blueprint.refuses(404)
    def patch(self, wanted: dict[str, Any], inbox_id: int) -> ShownInbox:
        """Change an inbox. Tickets that are there stay where they are."""
        with transaction("api"):
            row = worked_inbox(caller(), inbox_id)
            before = _told(row)
            if "queue" in wanted:
                wanted["queue"] = queue_named(wanted["queue"])
            with named_in_the_body():
                inboxes.change_inbox(row, **wanted)
            change = {"before": before, "after": _told(row)}
            audit.record("inbox_changed", subject="inbox", subject_id=row.id, by=actor(), at=utc_now(), data=change)
            return shown([row])[0]


@blueprint.route("/inboxes/<id:inbox_id>/secret")
class Secret(MethodView):
    @blueprint.needs("queues:write", role=Role.ADMIN)
    @blueprint.answers(201, SecretSchema, description="The new secret; it is shown this once")
    @blueprint.refuses(404, 422)
    def post(self, inbox_id: int) -> Shown:
        """Give a mail inbox or a chat widget another secret. The old one ends at once."""
        with transaction("api"):
            row = worked_inbox(caller(), inbox_id)
            secret = inboxes.new_secret(row, _secret_key())
            audit.record("inbox_secret_renewed", subject="inbox", subject_id=row.id, by=actor(), at=utc_now())
            return Shown(secret)


def _told(row: Inbox) -> dict[str, Any]:
    """Return what the audit keeps: no greetings, signatures and texts, which are but words."""
    kept = {key: value for key, value in inboxes.shown_settings(row).items() if key not in BUT_WORDS}
    return {"name": row.name, "queue": row.queue_id, "settings": kept}


def _secret_key() -> str:
    found: str = current_app.extensions["comptoir.settings"].secret_key
    return found
