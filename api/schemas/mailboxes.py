"""Mailboxes of inboxes as JSON: how they shall be connected, and how it goes with them."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema
from marshmallow.validate import OneOf, Range

from api.schemas.asked import Asked, Flag, Line
from api.serialisation import Answer, Derived, DerivedNested, Moment
from channels.email.mailboxes.connecting import MAX_FOLDER, MAX_HOST, MAX_PASSWORD, MAX_TOKEN, MAX_USERNAME
from channels.email.models import Mailbox, MailboxState, MailLogin, MailSecurity

TAKES = ("new", "all")
PORT = Range(1, 65535)


class MailServerSchema(Asked):
    """A mail server to speak to."""

    host = Line(MAX_HOST, required=True, metadata={"example": "smtp.example.com"})
    port = fields.Integer(strict=True, validate=PORT, metadata={"description": "Without it, the usual one."})
    security = fields.Enum(MailSecurity, by_value=True, load_default=MailSecurity.TLS)


class MailboxAskedSchema(Asked):
    """How a mailbox shall be connected. What is not named has its default; a secret that is not named stays."""

    host = Line(MAX_HOST, required=True, metadata={"description": "The IMAP server.", "example": "imap.example.com"})
    port = fields.Integer(
        strict=True, validate=PORT, metadata={"description": "Without it 993, or 143 without TLS from the first byte."}
    )
    security = fields.Enum(MailSecurity, by_value=True, load_default=MailSecurity.TLS)
    username = Line(MAX_USERNAME, required=True, metadata={"example": "support@example.com"})
    login = fields.Enum(MailLogin, by_value=True, load_default=MailLogin.PASSWORD)
    password = Line(MAX_PASSWORD, load_only=True, metadata={"description": "For `login: password`. Never shown."})
    client_id = Line(MAX_USERNAME, metadata={"description": "The app at Microsoft or Google."})
    client_secret = Line(
        MAX_PASSWORD, load_only=True, metadata={"description": "The app's, if it has one. Never shown."}
    )
    tenant = Line(100, metadata={"description": "Microsoft's word for whose accounts; without it, any organisation's."})
    refresh_token = Line(
        MAX_TOKEN,
        load_only=True,
        metadata={"description": "Never shown. Without it `comptoir mailbox authorise` gets one."},
    )
    folder = Line(MAX_FOLDER, load_default="INBOX")
    move_to = Line(
        MAX_FOLDER,
        load_default=None,
        allow_none=True,
        metadata={"description": "Where mail is moved that we have; without it the mailbox is left as it is."},
    )
    takes = fields.String(
        validate=OneOf(TAKES),
        metadata={"description": "`new`: what comes from now on; `all`: what is there already, too. A new one: `new`."},
    )
    smtp = fields.Nested(
        MailServerSchema,
        load_default=None,
        allow_none=True,
        metadata={"description": "Where its answers go out, with the same login; without it by COMPTOIR_SMTP_URL."},
    )
    enabled = Flag(load_default=True)

    @validates_schema
    def _one_way_to_log_in(self, data: dict[str, Any], **_: Any) -> None:
        by_password = data.get("login") is MailLogin.PASSWORD
        odd = ("client_id", "client_secret", "tenant", "refresh_token") if by_password else ("password",)
        for name in odd:
            if name in data:
                raise ValidationError(f"This is not for login {data['login'].value}.", name)
        if not by_password and "client_id" not in data and {"client_secret", "tenant", "refresh_token"} & data.keys():
            raise ValidationError("This goes with the others of its app.", "client_id")


class DerivedString(Derived, fields.String):
    """A word, found by a function."""


def _of_smtp(row: Mailbox) -> Any:
    return row if row.smtp_host is not None else None


class SMTPShownSchema(Answer):
    """Where the answers go out."""

    host = fields.String(required=True, attribute="smtp_host")
    port = fields.Integer(required=True, attribute="smtp_port")
    security = fields.Enum(MailSecurity, by_value=True, required=True, attribute="smtp_security")


class FailedMailSchema(Answer):
    """A mail that could not be had."""

    uid = fields.Integer(required=True, metadata={"description": "Its number in the mailbox."})
    error = fields.String(required=True)
    attempts = fields.Integer(required=True)
    at = Moment(required=True, metadata={"description": "Of the last attempt."})
    next_at = Moment(required=True, allow_none=True, metadata={"description": "Of the next one."})


class MailboxStandingSchema(Answer):
    """How it goes with an inbox's mailbox."""

    state = fields.Enum(MailboxState, by_value=True, required=True)
    missing = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Mails there that we could not fetch."}
    )
    counted_at = Moment(required=True, allow_none=True)
    seen_at = Moment(required=True, allow_none=True, metadata={"description": "When its server last answered."})


class MailboxSchema(Answer):
    """A mailbox on an IMAP server whose mail fills an inbox. Its secrets are never shown."""

    inbox = fields.Integer(required=True, attribute="mailbox.inbox_id")
    host = fields.String(required=True, attribute="mailbox.host")
    port = fields.Integer(required=True, attribute="mailbox.port")
    security = fields.Enum(MailSecurity, by_value=True, required=True, attribute="mailbox.security")
    username = fields.String(required=True, attribute="mailbox.username")
    login = fields.Enum(MailLogin, by_value=True, required=True, attribute="mailbox.login")
    folder = fields.String(required=True, attribute="mailbox.folder")
    move_to = fields.String(required=True, allow_none=True, attribute="mailbox.move_to")
    takes = DerivedString(
        of=lambda standing: TAKES[standing.mailbox.since_at is None], required=True, validate=OneOf(TAKES)
    )
    smtp = DerivedNested(
        SMTPShownSchema, of=lambda standing: _of_smtp(standing.mailbox), required=True, allow_none=True
    )
    enabled = fields.Boolean(required=True, attribute="mailbox.enabled")
    is_watched = fields.Boolean(
        required=True, metadata={"description": "Whether a process has it in hand; `comptoir smtp` does that."}
    )
    state = fields.Enum(MailboxState, by_value=True, required=True, attribute="mailbox.state")
    error = fields.String(
        required=True, attribute="mailbox.error", metadata={"description": "What is wrong, in words; else empty."}
    )
    failures = fields.Integer(required=True, attribute="mailbox.failures", metadata={"description": "In a row."})
    next_at = Moment(
        required=True,
        allow_none=True,
        attribute="mailbox.next_at",
        metadata={"description": "When it is tried again, if it is in trouble."},
    )
    seen_at = Moment(required=True, allow_none=True, attribute="mailbox.seen_at")
    counted_at = Moment(
        required=True,
        allow_none=True,
        attribute="mailbox.counted_at",
        metadata={"description": "When what is there was last held against what we have."},
    )
    on_server = fields.Integer(
        required=True,
        allow_none=True,
        attribute="mailbox.on_server",
        metadata={"description": "Mails there that concern us, by then."},
    )
    missing = fields.Integer(
        required=True,
        allow_none=True,
        attribute="mailbox.missing",
        metadata={"description": "Those of them that we have not."},
    )
    failed = fields.Nested(
        FailedMailSchema,
        many=True,
        required=True,
        metadata={"description": "The newest that could not be had; they are tried again, and hold nothing up."},
    )
    created_at = Moment(required=True, attribute="mailbox.created_at")
    updated_at = Moment(required=True, attribute="mailbox.updated_at")
