"""What one is told, and how."""

from dataclasses import dataclass
from typing import Any

from flask import current_app
from flask.views import MethodView

from api import outgoing, signed_posts
from api.auth import caller
from api.blueprint import Blueprint
from api.pagination import Listed, id_after, page_by_id
from api.schemas.alerts import (
    QUIET,
    AlertPageSchema,
    AlertPreferenceSchema,
    AlertQuery,
    AlertSchema,
    NewAlertPreferenceSchema,
    ReadSchema,
    ReadUpToSchema,
    WebhookSecretQuery,
    WebhookSecretSchema,
)
from config.settings import Settings
from sla import alerts
from sla.actions import check_webhook_url
from sla.models import Alert, AlertPreference
from ticketing.capacity import lock_agent
from ticketing.envelope import HandleKind
from ticketing.errors import InvalidInput
from ticketing.handles import fold
from ticketing.models import Role
from ticketing.moment import utc_now
from ticketing.secrets import encrypt
from ticketing.transaction import transaction

blueprint = Blueprint("alerts", description="What you are told, and how")


@dataclass(frozen=True)
class Shown:
    """A preference as it is shown."""

    mail: bool
    sms: str
    webhook: str
    webhook_secret: str | None
    time_zone: str
    quiet: dict[str, Any]


@dataclass(frozen=True)
class Read:
    """How many were new."""

    read: int


@dataclass(frozen=True)
class Secret:
    """What signs posts."""

    secret: str


@blueprint.route("/alerts")
class Alerts(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.asks(AlertQuery)
    @blueprint.answers(200, AlertPageSchema, description="A page of alerts")
    def get(self, asked: dict[str, Any]) -> Listed:
        """List what you are told, newest first."""
        before, limit = id_after(asked["after"]), asked["limit"]
        return page_by_id(alerts.own_alerts(caller(), unread=asked["unread"], before=before, limit=limit + 1), limit)


@blueprint.route("/alerts/read")
class AllRead(MethodView):
    @blueprint.needs("tickets:write")
    @blueprint.takes(ReadUpToSchema)
    @blueprint.answers(200, ReadSchema, description="They are read")
    def put(self, wanted: dict[str, Any]) -> Read:
        """Say that you have read all up to one."""
        with transaction("api"):
            return Read(alerts.mark_all_read(caller(), wanted["up_to"], at=utc_now()))


@blueprint.route("/alerts/<id:alert_id>/read")
class OneRead(MethodView):
    @blueprint.needs("tickets:write")
    @blueprint.answers(200, AlertSchema, description="The alert, read")
    @blueprint.refuses(404)
    def put(self, alert_id: int) -> Alert:
        """Say that you have read it."""
        with transaction("api"):
            return alerts.mark_read(caller(), alert_id, at=utc_now())


@blueprint.route("/agents/me/alert-preferences")
class Preferences(MethodView):
    @blueprint.needs("agents:read")
    @blueprint.answers(200, AlertPreferenceSchema, description="How you are told")
    def get(self) -> Shown:
        """Read how you are told, besides in the app."""
        return _shown(alerts.preference_of(caller().agent_id), None)

    @blueprint.needs("agents:write")
    @blueprint.takes(
        NewAlertPreferenceSchema, example={"mail": True, "time_zone": "Europe/Paris", "quiet": {"mon": QUIET["mon"]}}
    )
    @blueprint.answers(200, AlertPreferenceSchema, description="How you are told now")
    def put(self, wanted: dict[str, Any]) -> Shown:
        """Say how you want to be told. Another webhook has another secret, which is shown this once."""
        settings: Settings = current_app.extensions["comptoir.settings"]
        wanted["sms"] = fold(HandleKind.PHONE, wanted["sms"]) if wanted["sms"].strip() else ""
        if wanted["sms"] and not wanted["sms"].startswith("+"):
            raise InvalidInput("a number for text messages begins with + and its country code")
        if wanted["webhook"]:
            check_webhook_url(wanted["webhook"], "webhook")
            outgoing.check_address(wanted["webhook"], allow_private=settings.private_addresses)
        secret = signed_posts.new_secret()
        sealed = encrypt(secret, settings.secret_key)
        with transaction("api"):
            lock_agent(caller().agent_id)  # of two who say it at once, the later one's word counts
            row, is_new = alerts.change_preference(caller().agent_id, wanted, webhook_secret=sealed, at=utc_now())
        return _shown(row, secret if is_new else None)


@blueprint.route("/sla/webhook-secret")
class WebhookSecret(MethodView):
    @blueprint.needs("settings:write", role=Role.SUPERVISOR)
    @blueprint.asks(WebhookSecretQuery)
    @blueprint.answers(200, WebhookSecretSchema, description="The secret")
    def get(self, asked: dict[str, Any]) -> Secret:
        """Read what signs the posts that policies make to an address."""
        settings: Settings = current_app.extensions["comptoir.settings"]
        return Secret(signed_posts.secret_of(check_webhook_url(asked["url"], "url"), settings))


def _shown(row: AlertPreference, secret: str | None) -> Shown:
    return Shown(row.mail, row.sms, row.webhook, secret, row.time_zone, row.quiet)
