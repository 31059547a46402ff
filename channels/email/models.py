"""Mailboxes elsewhere that fill our inboxes, what was fetched from them, and the keys that sign our mail."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ticketing.models import Inbox
from ticketing.store import Base


class MailSecurity(StrEnum):
    """How a connection to a mail server is kept private."""

    TLS = "tls"  # from the first byte
    STARTTLS = "starttls"
    NONE = "none"


class MailLogin(StrEnum):
    """How we say who we are to a mail server."""

    PASSWORD = "password"  # noqa: S105 - no password
    MICROSOFT = "microsoft"  # XOAUTH2, with tokens of Microsoft's
    GOOGLE = "google"  # XOAUTH2, with tokens of Google's


class MailboxState(StrEnum):
    """How it goes with a mailbox."""

    NEW = "new"  # nobody has looked yet
    WATCHED = "watched"
    TROUBLED = "troubled"  # see `error`; it is tried again at `next_at`


class Mailbox(Base):
    """A mailbox on somebody's IMAP server, whose mail fills an inbox; with `smtp_host` its answers go out there too.

    Ours is every mail from the UID `first_uid` on, and of those below what came at `since_at` or later. With another
    `uid_validity` the server numbers its mail anew, and `first_uid` changes too. `held_by` watches until `held_until`.
    """

    __tablename__ = "mailbox"

    id: Mapped[int] = mapped_column(primary_key=True)
    inbox_id: Mapped[int] = mapped_column(ForeignKey("inbox.id"), unique=True)
    host: Mapped[str]
    port: Mapped[int]
    security: Mapped[MailSecurity]
    username: Mapped[str]
    login: Mapped[MailLogin]
    secret: Mapped[str]  # encrypted JSON: the password, or the client and its refresh token
    folder: Mapped[str] = mapped_column(default="INBOX")
    move_to: Mapped[str | None]  # the folder for what we have; None: the mailbox is left as it was found
    smtp_host: Mapped[str | None]  # None: answers go out by COMPTOIR_SMTP_URL
    smtp_port: Mapped[int | None]
    smtp_security: Mapped[MailSecurity | None]
    enabled: Mapped[bool] = mapped_column(default=True)
    state: Mapped[MailboxState] = mapped_column(default=MailboxState.NEW)
    error: Mapped[str] = mapped_column(default="")
    failures: Mapped[int] = mapped_column(default=0)  # in a row
    next_at: Mapped[datetime | None]  # not to be tried before
    uid_validity: Mapped[int | None]  # None: nobody has looked yet
    first_uid: Mapped[int] = mapped_column(default=1)
    since_at: Mapped[datetime | None]  # None: all that is there is ours, however old
    seen_at: Mapped[datetime | None]  # when the server last answered
    counted_at: Mapped[datetime | None]  # when what is there was last held against what we have
    on_server: Mapped[int | None]  # mails there that concern us, by then
    missing: Mapped[int | None]  # those of them that we have not
    held_by: Mapped[str | None]
    held_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    inbox: Mapped[Inbox] = relationship()


class MailboxMail(Base):
    """A mail in a mailbox that was fetched, or that could not be: then with the error and without an item."""

    __tablename__ = "mailbox_mail"

    mailbox_id: Mapped[int] = mapped_column(ForeignKey("mailbox.id", ondelete="CASCADE"), primary_key=True)
    uid_validity: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int | None] = mapped_column(ForeignKey("inbound_item.id"), index=True)
    error: Mapped[str] = mapped_column(default="")
    attempts: Mapped[int] = mapped_column(default=1)
    next_at: Mapped[datetime | None]  # when to try again what failed
    at: Mapped[datetime]


class SigningKey(Base):
    """A DKIM key: what signs the mail that we send from a domain (RFC 6376). Of several of a domain, one signs."""

    __tablename__ = "signing_key"
    __table_args__ = (UniqueConstraint("domain", "selector"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    domain: Mapped[str]
    selector: Mapped[str]
    private_key: Mapped[str]  # encrypted PEM
    signs: Mapped[bool]  # False: it waits until DNS knows it, or was in use before
    created_at: Mapped[datetime]


_failed = text("item_id IS NULL")

Index("ix_mailbox_mail_failed", MailboxMail.mailbox_id, postgresql_where=_failed, sqlite_where=_failed)
