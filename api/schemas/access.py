"""Logins, passwords, second factors, invitations and the audit as JSON."""

from marshmallow import fields
from marshmallow.validate import Length

from api.pagination import PageQuery
from api.schemas.asked import Asked, Id, Instant, Text, Words
from api.schemas.desk import AgentSchema
from api.serialisation import Answer, Moment
from ticketing.events import ActorType
from ticketing.handles import MAX_LENGTH

LONGEST_SECRET = 1000  # of what is only compared; what may be set is shorter
MAX_CODE = 40
MAX_KIND = 100


class LoginSchema(Asked):
    """Who you are."""

    email = Words(MAX_LENGTH, required=True, metadata={"example": "ada@desk.example"})
    password = Words(LONGEST_SECRET, required=True, metadata={"format": "password"})
    code = Text(
        MAX_CODE,
        load_default=None,
        metadata={"description": "Of the authenticator, or one of the recovery codes.", "example": "123456"},
    )


class SessionSchema(Answer):
    """The login, or the token, with which you came."""

    agent = fields.Nested(AgentSchema, required=True)
    csrf_token = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "For `X-CSRF-Token`, with everything that changes something. None: you have a token."},
    )
    expires_at = Moment(required=True, allow_none=True)


class OpenSessionSchema(Answer):
    """One of your logins."""

    id = fields.Integer(required=True)
    method = fields.String(required=True, metadata={"example": "password+totp"})
    user_agent = fields.String(required=True)
    created_at = Moment(required=True)
    seen_at = Moment(required=True, metadata={"description": "To the minute."})
    expires_at = Moment(required=True)


class SessionPageSchema(Answer):
    """A page of logins."""

    items = fields.Nested(OpenSessionSchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)


class AccountSchema(Answer):
    """How you prove who you are."""

    has_password = fields.Boolean(required=True)
    totp_confirmed_at = Moment(required=True, allow_none=True, metadata={"description": "None: no second factor."})
    recovery_codes_left = fields.Integer(required=True)


class PasswordChangeSchema(Asked):
    """Your password, and the one that you want."""

    current = Words(LONGEST_SECRET, required=True, metadata={"format": "password"})
    new = Words(LONGEST_SECRET, required=True, metadata={"description": "12 to 128 characters.", "format": "password"})


class PasswordSchema(Asked):
    """Your password, once more."""

    password = Words(LONGEST_SECRET, required=True, metadata={"format": "password"})


class CodeSchema(Asked):
    """A code of the authenticator."""

    code = Words(MAX_CODE, required=True, metadata={"example": "123456"})


class PasswordAndCodeSchema(PasswordSchema, CodeSchema):
    """Your password and a code of the authenticator, or a recovery code."""


class EnrolmentSchema(Answer):
    """A new second factor, shown this once."""

    secret = fields.String(required=True, metadata={"example": "JBSWY3DPEHPK3PXP"})
    uri = fields.String(required=True, metadata={"description": "For a QR code.", "example": "otpauth://totp/…"})


class RecoveryCodesSchema(Answer):
    """What to keep for the day on which the phone is lost; shown this once, each serves once."""

    recovery_codes = fields.List(fields.String(), required=True)


class InvitationSchema(Answer):
    """What somebody may choose a password with; shown this once, serves once."""

    token = fields.String(required=True)
    expires_at = Moment(required=True)


class AcceptanceSchema(Asked):
    """An invitation, and the password that you choose."""

    token = Words(LONGEST_SECRET, required=True)
    password = Words(
        LONGEST_SECRET, required=True, metadata={"description": "12 to 128 characters.", "format": "password"}
    )


class AuditQuery(PageQuery):
    """Which part of the audit."""

    kind = fields.String(validate=Length(1, MAX_KIND), metadata={"example": "login_failed"})
    subject = fields.String(validate=Length(1, MAX_KIND), metadata={"description": "agent, token, queue, …"})
    subject_id = Id(strict=False)
    actor = Id(strict=False, metadata={"description": "The agent who did it."})
    since = Instant(data_key="from", metadata={"description": "Not before.", "example": "2026-11-18T12:00:00Z"})
    until = Instant(data_key="to", metadata={"description": "Before."})


class AuditActorSchema(Answer):
    """Who did it."""

    type = fields.Enum(ActorType, by_value=True, required=True)
    id = fields.Integer(required=True, allow_none=True)


class AuditSubjectSchema(Answer):
    """Whom or what it was done to."""

    type = fields.String(required=True, metadata={"example": "agent"})
    id = fields.Integer(required=True, allow_none=True)


class AuditEntrySchema(Answer):
    """One thing that happened to people, rights or settings."""

    id = fields.Integer(required=True)
    kind = fields.String(required=True, metadata={"example": "login_succeeded"})
    actor = fields.Nested(AuditActorSchema, required=True)
    subject = fields.Nested(AuditSubjectSchema, required=True)
    data = fields.Dict(required=True)
    address = fields.String(required=True, metadata={"description": "The IP address; empty: no HTTP request."})
    at = Moment(required=True)


class AuditPageSchema(Answer):
    """A page of the audit."""

    items = fields.Nested(AuditEntrySchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)
