"""The mailbox on an IMAP server that fills an inbox."""

from typing import Any

from flask import current_app
from flask.views import MethodView

from api.auth import actor, caller
from api.blueprint import Blueprint
from api.schemas.mailboxes import MailboxAskedSchema, MailboxSchema
from channels.email.mailboxes.connecting import Server, Wanted, connect_mailbox, disconnect_mailbox, mailbox_of
from channels.email.mailboxes.credentials import Credentials, Grant, Password
from channels.email.mailboxes.standing import Standing, standing
from ticketing.directory import worked_inbox
from ticketing.models import Role
from ticketing.moment import utc_now
from ticketing.transaction import transaction

blueprint = Blueprint("mailboxes", description="Mailboxes that fill our inboxes")

EXAMPLE = {"host": "imap.example.com", "username": "support@example.com", "password": "correct horse battery staple"}
OF_A_GRANT = ("client_id", "client_secret", "tenant", "refresh_token")


@blueprint.route("/inboxes/<id:inbox_id>/mailbox")
class InboxMailbox(MethodView):
    @blueprint.needs("queues:read", role=Role.ADMIN)
    @blueprint.answers(200, MailboxSchema, description="The mailbox, and how it goes with it")
    @blueprint.refuses(404)
    def get(self, inbox_id: int) -> Standing:
        """Read how an inbox's mailbox is connected, and how it goes with it. Its secrets are never shown."""
        return standing(mailbox_of(worked_inbox(caller(), inbox_id)), at=utc_now())

    @blueprint.needs("queues:write", role=Role.ADMIN)
    @blueprint.takes(MailboxAskedSchema, example=EXAMPLE)
    @blueprint.answers(200, MailboxSchema, description="The mailbox as it is connected now")
    @blueprint.refuses(404)
    def put(self, asked: dict[str, Any], inbox_id: int) -> Standing:
        """Connect a mailbox to a mail inbox, or change how. It is watched within seconds; `state` says how it went.

        A secret that is not named stays, but only for the same servers and user.
        """
        with transaction("api"):
            inbox, at = worked_inbox(caller(), inbox_id), utc_now()
            secret_key = current_app.extensions["comptoir.settings"].secret_key
            row = connect_mailbox(inbox, _wanted(asked), secret_key=secret_key, by=actor(), at=at)
            return standing(row, at=at)

    @blueprint.needs("queues:write", role=Role.ADMIN)
    @blueprint.answers(204, description="The mailbox is no longer connected; what came from it stays")
    @blueprint.refuses(404)
    def delete(self, inbox_id: int) -> None:
        """Disconnect an inbox's mailbox."""
        with transaction("api"):
            disconnect_mailbox(worked_inbox(caller(), inbox_id), by=actor(), at=utc_now())


def _wanted(asked: dict[str, Any]) -> Wanted:
    smtp, takes = asked["smtp"], asked.get("takes")
    return Wanted(
        imap=Server(asked["host"], asked.get("port"), asked["security"]),
        username=asked["username"],
        login=asked["login"],
        credentials=_credentials(asked),
        folder=asked["folder"],
        move_to=asked["move_to"],
        all_mail=None if takes is None else takes == "all",
        smtp=None if smtp is None else Server(smtp["host"], smtp.get("port"), smtp["security"]),
        enabled=asked["enabled"],
    )


def _credentials(asked: dict[str, Any]) -> Credentials | None:
    if "password" in asked:
        return Password(asked["password"])
    given = {name: asked[name] for name in OF_A_GRANT if name in asked}
    return Grant(**given) if given else None
