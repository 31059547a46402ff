"""Customers as JSON."""

from marshmallow import fields
from marshmallow.validate import Length, OneOf

from api.pagination import PageQuery
from api.schemas.asked import Asked, Flag, Id, Text, Words
from api.schemas.custom_fields import CustomFields
from api.schemas.messages import MessageSchema
from api.serialisation import Answer, Moment
from ticketing.blocking import MAX_REASON as MAX_BLOCK_REASON
from ticketing.customers import MAX_NAME
from ticketing.duplicates import Likeness
from ticketing.envelope import Channel, HandleKind
from ticketing.handles import MAX_LENGTH
from ticketing.languages import LONGEST_TAG
from ticketing.profile import MAX_HANDLES, MAX_REASON
from ticketing.status import Status

MAX_NOTES = 20_000
MAX_ZONE = 60
REACHING = [channel for channel in Channel if channel is not Channel.API]
GIVEN_KINDS = [HandleKind.EMAIL.value, HandleKind.PHONE.value]  # a chat visitor's is given by the widget


class HandleSchema(Answer):
    """An address of a customer."""

    id = fields.Integer(required=True)
    kind = fields.Enum(HandleKind, by_value=True, required=True)
    address = fields.String(required=True, metadata={"example": "karim@home.example"})
    shown = fields.String(required=True, metadata={"description": "As the customer writes it; where we send to."})
    unreachable_at = Moment(
        required=True,
        allow_none=True,
        metadata={"description": "Since when what we send there comes back; no reply goes there until they write."},
    )
    unreachable_reason = fields.String(
        required=True,
        metadata={
            "description": "Why, in words to read; else empty.",
            "example": "The mailbox does not exist (5.1.1): 550 5.1.1 no such user",
        },
    )
    complained_at = Moment(
        required=True,
        allow_none=True,
        metadata={"description": "When they called a mail of ours spam; no automatic mail goes there since."},
    )
    blocked_at = Moment(
        required=True,
        allow_none=True,
        metadata={"description": "Since when the desk takes nothing from there: it is kept, and ignored."},
    )
    blocked_reason = fields.String(required=True, metadata={"description": "Why, in words to read; else empty."})


class NewBlockSchema(Asked):
    """Why the desk takes nothing from an address any more."""

    reason = Words(MAX_BLOCK_REASON, required=True, metadata={"example": "Threatens whoever picks up."})


class ConsentSchema(Answer):
    """Whether a customer lets us write to them on a channel."""

    channel = fields.Enum(Channel, by_value=True, required=True)
    given = fields.Boolean(required=True)
    reason = fields.String(required=True, metadata={"description": "How we know, in words."})
    at = Moment(required=True)


class OptOutSchema(Answer):
    """An address that has told an inbox of ours to write no more."""

    handle = fields.Integer(attribute="handle_id", required=True)
    inbox = fields.Integer(attribute="inbox_id", required=True)
    channel = fields.Enum(Channel, by_value=True, required=True)
    address = fields.String(required=True, metadata={"description": "The inbox's.", "example": "+15145550100"})
    reason = fields.String(required=True, metadata={"description": "How we know, in words.", "example": "wrote STOP"})
    at = Moment(required=True)


class CustomerSchema(Answer):
    """One person."""

    id = fields.Integer(required=True, metadata={"example": 4})
    name = fields.String(required=True, metadata={"description": "Empty until somebody tells us.", "example": "Karim"})
    handles = fields.Nested(HandleSchema, many=True, required=True)
    language = fields.String(required=True, metadata={"description": "IETF tag; empty when unknown.", "example": "fr"})
    time_zone = fields.String(required=True, metadata={"description": "IANA name.", "example": "Europe/Paris"})
    preferred_channels = fields.List(fields.String(), required=True, metadata={"description": "Best first."})
    consents = fields.Nested(ConsentSchema, many=True, required=True)
    opt_outs = fields.Nested(
        OptOutSchema,
        many=True,
        required=True,
        metadata={"description": "By STOP and its like; no reply goes that way until they write START."},
    )
    notes = fields.String(required=True, metadata={"description": "Never shown to the customer."})
    custom = fields.Dict(
        keys=fields.String(),
        attribute="fields",
        data_key="fields",
        required=True,
        metadata={"description": "Custom fields by name."},
    )
    merged_into = fields.Integer(
        required=True, allow_none=True, metadata={"description": "The customer who this is the same person as."}
    )
    erased_at = Moment(required=True, allow_none=True, metadata={"description": "When they asked to be forgotten."})
    created_at = Moment(required=True)


class CustomerPageSchema(Answer):
    """A page of customers."""

    items = fields.Nested(CustomerSchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)


class NewHandleSchema(Asked):
    """An address to add."""

    kind = fields.String(required=True, validate=OneOf(GIVEN_KINDS))
    address = Words(
        MAX_LENGTH, required=True, metadata={"description": "Phone numbers with +.", "example": "karim@home.example"}
    )


class CustomerChangeSchema(Asked):
    """What to change of a customer; what is not named stays."""

    name = Text(MAX_NAME, metadata={"example": "Karim"})
    language = Text(LONGEST_TAG, metadata={"description": "IETF tag, or empty.", "example": "fr"})
    time_zone = Text(MAX_ZONE, metadata={"description": "IANA name, or empty.", "example": "Europe/Paris"})
    preferred_channels = fields.List(
        fields.Enum(Channel, by_value=True, validate=OneOf(REACHING)),
        validate=Length(max=len(REACHING)),
        metadata={"description": "Best first; all but `api`.", "example": ["sms", "email"]},
    )
    notes = Text(MAX_NOTES, metadata={"description": "What the desk should know; never shown to the customer."})
    custom = CustomFields(
        attribute="fields", data_key="fields", metadata={"description": "Sets the named fields; null removes one."}
    )


class NewCustomerSchema(CustomerChangeSchema):
    """A customer to make: a name, an address, or both."""

    name = Text(MAX_NAME, load_default="", metadata={"example": "Karim"})
    handles = fields.List(fields.Nested(NewHandleSchema), load_default=list, validate=Length(max=MAX_HANDLES))


class NewConsentSchema(Asked):
    """What the customer has said."""

    given = Flag(required=True)
    reason = Text(MAX_REASON, load_default="", metadata={"example": "Said so on the phone."})


class CustomerQuery(PageQuery):
    """Which customers."""

    q = Text(MAX_NAME, load_default="", metadata={"description": "Beginnings of words of the name, or of an address."})
    email = Text(MAX_LENGTH, load_default="", metadata={"description": "Just this address."})
    phone = Text(MAX_LENGTH, load_default="", metadata={"description": "Just this number, with its country code."})


class CustomerCSVQuery(Asked):
    """Which customers, all of them."""

    q = CustomerQuery._declared_fields["q"]
    email = CustomerQuery._declared_fields["email"]
    phone = CustomerQuery._declared_fields["phone"]


class DuplicateSchema(Answer):
    """Somebody who may be the same person."""

    customer = fields.Nested(CustomerSchema, required=True)
    reasons = fields.List(fields.Enum(Likeness, by_value=True), required=True)


class DuplicatesSchema(Answer):
    """Who may be the same person, the likeliest first."""

    items = fields.Nested(DuplicateSchema, many=True, required=True)


class MergeCustomerSchema(Asked):
    """Who this customer is the same person as."""

    into = Id(required=True, metadata={"description": "The customer to keep.", "example": 4})


class CustomerMergeSchema(Answer):
    """Two customers who turned out to be one person."""

    id = fields.Integer(required=True)
    kept = fields.Integer(attribute="kept_id", required=True)
    merged = fields.Integer(attribute="merged_id", required=True)
    by = fields.Integer(
        attribute="by_id",
        required=True,
        allow_none=True,
        metadata={"description": "The agent who merged them; null: a site had signed who a chat's visitor is."},
    )
    at = Moment(required=True)
    undone_at = Moment(required=True, allow_none=True)


class CustomerMergePageSchema(Answer):
    """A page of merges."""

    items = fields.Nested(CustomerMergeSchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)


class TimelineTicketSchema(Answer):
    """The ticket of a message."""

    id = fields.Integer(required=True)
    subject = fields.String(required=True)
    status = fields.Enum(Status, by_value=True, required=True)


class TimelineMessageSchema(MessageSchema):
    """A message with its ticket."""

    ticket = fields.Nested(TimelineTicketSchema, required=True)  # type: ignore[assignment]  # more than its id


class TimelinePageSchema(Answer):
    """A page of a timeline."""

    items = fields.Nested(TimelineMessageSchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)
