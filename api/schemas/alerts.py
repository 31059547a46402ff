"""Alerts, and how one wants to be told, as JSON."""

from marshmallow import fields
from marshmallow.validate import Length

from api.pagination import PageQuery
from api.schemas.asked import Asked, Flag, Id
from api.serialisation import Answer, Moment
from sla.actions import LONGEST_URL
from sla.definition import DAYS

QUIET = {"mon": [["00:00", "07:00"], ["22:00", "24:00"]], "sat": [["00:00", "24:00"]]}


class AlertSchema(Answer):
    """Something that you are told."""

    id = fields.Integer(required=True)
    kind = fields.String(required=True, metadata={"description": "sla_warned, sla_breached, sla_escalated, …"})
    ticket = fields.Integer(attribute="ticket_id", required=True, allow_none=True)
    data = fields.Dict(required=True, metadata={"description": "Ids and moments, by kind; see docs/alerts.md."})
    at = Moment(required=True)
    read_at = Moment(required=True, allow_none=True, metadata={"description": "Null: not yet."})


class AlertPageSchema(Answer):
    """A page of alerts."""

    items = fields.Nested(AlertSchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)


class AlertQuery(PageQuery):
    """Which alerts."""

    unread = fields.Boolean(
        load_default=False,
        truthy={"true"},
        falsy={"false"},
        metadata={"description": "Only those that you have not read."},
    )


class ReadUpToSchema(Asked):
    """What has been read."""

    up_to = Id(required=True, metadata={"description": "The newest alert that you have seen, by id."})


class ReadSchema(Answer):
    """What became of it."""

    read = fields.Integer(required=True, metadata={"description": "How many alerts were new."})


class AlertPreferenceSchema(Answer):
    """How you are told, besides in the app."""

    mail = fields.Boolean(required=True, metadata={"description": "To your own address."})
    sms = fields.String(required=True, metadata={"description": 'In E.164; "": none.'})
    webhook = fields.String(required=True, metadata={"description": '"": none.'})
    webhook_secret = fields.String(
        required=True, allow_none=True, metadata={"description": "Signs what is posted; shown once, when it is new."}
    )
    time_zone = fields.String(required=True)
    quiet = fields.Dict(required=True, metadata={"description": "When you are left alone: spans by weekday."})


class NewAlertPreferenceSchema(Asked):
    """How you want to be told; what is left out is off."""

    mail = Flag(load_default=False)
    sms = fields.String(load_default="", validate=Length(max=40), metadata={"example": "+15145550142"})
    webhook = fields.String(
        load_default="", validate=Length(max=LONGEST_URL), metadata={"description": "A public https address."}
    )
    time_zone = fields.String(load_default="UTC", validate=Length(1, 64), metadata={"example": "Europe/Paris"})
    quiet = fields.Dict(
        keys=fields.String(validate=Length(max=10)),
        values=fields.List(fields.List(fields.String(validate=Length(max=10))), validate=Length(max=24)),
        load_default=dict,
        validate=Length(max=len(DAYS)),
        metadata={"description": "Spans by weekday, as in a calendar.", "example": QUIET},
    )


class WebhookSecretQuery(Asked):
    """Of which address."""

    url = fields.String(required=True, validate=Length(1, LONGEST_URL))


class WebhookSecretSchema(Answer):
    """What signs the posts to an address."""

    secret = fields.String(required=True)
