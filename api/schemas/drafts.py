"""Drafts as JSON."""

from marshmallow import fields

from api.schemas.asked import Asked, Text
from api.schemas.messages import AttachmentSchema, Uploads
from api.serialisation import Answer, Moment
from ticketing.drafts import Intent
from ticketing.envelope import Channel
from ticketing.reply_plan import MAX_BODY


class DraftSchema(Answer):
    """What you have begun to write."""

    ticket = fields.Integer(attribute="ticket_id", required=True)
    kind = fields.Enum(Intent, by_value=True, required=True)
    channel = fields.Enum(Channel, by_value=True, required=True, allow_none=True)
    body = fields.String(required=True)
    html = fields.String(required=True, metadata={"description": "The same, sanitised; empty if there is none."})
    attachments = fields.Nested(AttachmentSchema, many=True, required=True)
    updated_at = Moment(required=True)


class DraftChangeSchema(Asked):
    """What to keep; without words and files, the draft goes away."""

    kind = fields.Enum(Intent, by_value=True, load_default=Intent.REPLY)
    body = Text(MAX_BODY, load_default="", metadata={"example": "We send you a new one"})
    html = fields.String(load_default="", metadata={"description": "The same, formatted; it is sanitised."})
    channel = fields.Enum(Channel, by_value=True, load_default=None, allow_none=True)
    attachments = Uploads()
