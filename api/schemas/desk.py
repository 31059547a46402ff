"""Queues, inboxes, agents and tokens as JSON."""

from marshmallow import fields
from marshmallow.validate import Length, OneOf, Range

from api.schemas.asked import Asked, Id, Words
from api.schemas.mailboxes import MailboxStandingSchema
from api.schemas.named import NamedSchema
from api.serialisation import Answer, DerivedDict, Moment
from ticketing.agents import SCOPES
from ticketing.envelope import Channel
from ticketing.inboxes import shown_settings
from ticketing.models import Assignment, Presence, QueueAccess, Role
from ticketing.queues import MAX_NAME

MAX_MEMBERS = 1000
MAX_TOKEN_NAME = 100
LONGEST_LIFE = 10 * 366 * 24 * 3600  # seconds


class QueueSchema(Answer):
    """Where tickets wait for agents."""

    id = fields.Integer(required=True, metadata={"example": 1})
    name = fields.String(required=True, metadata={"example": "Support"})
    access = fields.Enum(QueueAccess, by_value=True, required=True)
    assignment = fields.Enum(
        Assignment, by_value=True, required=True, metadata={"description": "How its tickets find their agents."}
    )
    members = fields.List(fields.Integer(), required=True, metadata={"description": "Agents' ids."})
    settings = fields.Dict(
        keys=fields.String(),
        required=True,
        metadata={"description": "How its callers are treated: see docs/queues.md.", "example": {"ring_seconds": 25}},
    )
    created_at = Moment(required=True)


class QueuePageSchema(Answer):
    """A page of queues."""

    items = fields.Nested(QueueSchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)


class QueueChangeSchema(Asked):
    """What to change of a queue; what is not named stays."""

    name = Words(MAX_NAME, metadata={"example": "Support"})
    access = fields.Enum(
        QueueAccess, by_value=True, metadata={"description": "`members`: only they work it and see its tickets."}
    )
    assignment = fields.Enum(
        Assignment,
        by_value=True,
        metadata={
            "description": "`off`: agents ask for work; `round_robin`: each who is online gets one in turn; "
            "`least_loaded`: who has the least in hand gets one."
        },
    )
    members = fields.List(
        Id(), validate=Length(max=MAX_MEMBERS), metadata={"description": "Agents' ids; replaces all members."}
    )
    settings = fields.Dict(
        keys=fields.String(),
        metadata={
            "description": "How its callers are treated: see docs/queues.md. Those that are not named stay; null takes "
            "one away.",
            "example": {"max_waiting": 20, "voicemail": True},
        },
    )


class NewQueueSchema(QueueChangeSchema):
    """A queue to make. With members it is theirs, without it is everyone's, unless `access` says otherwise."""

    name = Words(MAX_NAME, required=True, metadata={"example": "Support"})


class InboxSchema(Answer):
    """An address of ours on a channel."""

    id = fields.Integer(required=True)
    channel = fields.Enum(Channel, by_value=True, required=True)
    name = fields.String(required=True, metadata={"example": "Support mail"})
    address = fields.String(required=True, metadata={"example": "support@desk.example"})
    queue = fields.Nested(NamedSchema, required=True, metadata={"description": "Where its tickets go."})
    settings = DerivedDict(of=shown_settings, required=True, metadata={"example": {"language": "fr-CA"}})
    created_at = Moment(required=True)
    mailbox = fields.Nested(
        MailboxStandingSchema,
        required=True,
        allow_none=True,
        metadata={"description": "How it goes with the mailbox that fills it; null where none is connected."},
    )


class InboxPageSchema(Answer):
    """A page of inboxes."""

    items = fields.Nested(InboxSchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)


class AgentSchema(Answer):
    """A person at the desk."""

    id = fields.Integer(required=True)
    name = fields.String(required=True, metadata={"example": "Ada"})
    email = fields.String(required=True, metadata={"example": "ada@desk.example"})
    role = fields.Enum(Role, by_value=True, required=True)
    is_active = fields.Boolean(required=True, metadata={"description": "False: has left the desk."})
    skills = fields.List(fields.String(), required=True, metadata={"example": ["french"]})
    capacity = fields.Dict(
        keys=fields.String(),
        required=True,
        metadata={
            "description": "Tickets at a time, by channel; one that is absent has no limit.",
            "example": {"chat": 3},
        },
    )
    presence = fields.Enum(Presence, by_value=True, required=True)
    presence_reason = fields.String(required=True, metadata={"example": "lunch"})
    presence_since = Moment(required=True, allow_none=True)
    created_at = Moment(required=True)


class AgentPageSchema(Answer):
    """A page of agents."""

    items = fields.Nested(AgentSchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)


class TokenSchema(Answer):
    """A bearer token, without its secret."""

    id = fields.Integer(required=True)
    name = fields.String(required=True, metadata={"example": "reporting script"})
    scopes = fields.List(
        fields.String(), required=True, metadata={"description": "Empty: whatever the agent's role permits."}
    )
    created_at = Moment(required=True)
    expires_at = Moment(required=True, allow_none=True)


class TokenPageSchema(Answer):
    """A page of tokens."""

    items = fields.Nested(TokenSchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)


class MadeTokenSchema(TokenSchema):
    """A new token with its secret, which is shown this once."""

    token = fields.String(required=True, metadata={"example": "cpt_…"})


class NewTokenSchema(Asked):
    """A token to make for oneself."""

    name = Words(MAX_TOKEN_NAME, required=True, metadata={"example": "reporting script"})
    scopes = fields.List(
        fields.String(validate=OneOf(list(SCOPES))),
        load_default=list,
        metadata={"description": "Without any: whatever the agent's role permits."},
    )
    expires_in_seconds = fields.Integer(
        strict=True,
        load_default=None,
        validate=Range(1, LONGEST_LIFE),
        metadata={"description": "Without it, the token lasts until it is revoked."},
    )
