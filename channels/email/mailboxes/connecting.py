"""Connect a mailbox to an inbox, change how, and disconnect it. What is secret goes in and never out."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from channels.email.mailboxes.credentials import Credentials, Grant, Password, seal, unseal
from channels.email.models import Mailbox, MailboxMail, MailboxState, MailLogin, MailSecurity
from ticketing import audit
from ticketing.envelope import Channel
from ticketing.errors import InvalidInput, NotFound
from ticketing.events import Actor
from ticketing.models import Inbox
from ticketing.store import db

IMAP_PORTS = {MailSecurity.TLS: 993, MailSecurity.STARTTLS: 143, MailSecurity.NONE: 143}
SMTP_PORTS = {MailSecurity.TLS: 465, MailSecurity.STARTTLS: 587, MailSecurity.NONE: 25}
HOST = re.compile(r"[0-9A-Za-z:](?:[0-9A-Za-z.:_-]{0,251}[0-9A-Za-z])?")  # a name, or an address; IPv6 without brackets
MAX_HOST, MAX_USERNAME, MAX_PASSWORD, MAX_FOLDER, MAX_TOKEN = 253, 254, 1000, 255, 8000


@dataclass(frozen=True)
class Server:
    """A mail server; port None: the usual one."""

    host: str
    port: int | None = None
    security: MailSecurity = MailSecurity.TLS


@dataclass(frozen=True)
class Wanted:
    """How a mailbox shall be connected.

    `credentials` None: those that are kept. `all_mail` says whether what is there already is ours too; None: as it was,
    and no for a new one. `smtp` None: answers go out by COMPTOIR_SMTP_URL.
    """

    imap: Server
    username: str
    login: MailLogin = MailLogin.PASSWORD
    credentials: Credentials | None = None
    folder: str = "INBOX"
    move_to: str | None = None
    all_mail: bool | None = None
    smtp: Server | None = None
    enabled: bool = True


def find_mailbox(inbox_id: int, *, lock: bool = False) -> Mailbox | None:
    """Return the mailbox of an inbox; None if none is connected."""
    query = select(Mailbox).where(Mailbox.inbox_id == inbox_id)
    return db.session().scalar(query.with_for_update() if lock else query)


def mailbox_of(inbox: Inbox, *, lock: bool = False) -> Mailbox:
    """Return the mailbox of an inbox. Raises NotFound."""
    row = find_mailbox(inbox.id, lock=lock)
    if row is None:
        raise NotFound(f"no mailbox is connected to the inbox {inbox.id}")
    return row


def connect_mailbox(inbox: Inbox, wanted: Wanted, *, secret_key: str, by: Actor, at: datetime) -> Mailbox:
    """Connect a mailbox to an inbox, or change how it is connected. Raises InvalidInput."""
    if inbox.channel is not Channel.EMAIL:
        raise InvalidInput(f"only a mail inbox has a mailbox, and this one is on the channel {inbox.channel}")
    _check(wanted)
    db.session().execute(select(Inbox.id).where(Inbox.id == inbox.id).with_for_update())  # two at once take turns
    row = find_mailbox(inbox.id, lock=True)
    secret = _sealed(row, wanted, secret_key)
    kind = "mailbox_connected" if row is None else "mailbox_changed"
    if row is None:
        row = Mailbox(inbox=inbox, inbox_id=inbox.id, created_at=at, since_at=at)
        db.session().add(row)
    elif (row.host, row.username, row.folder) != (wanted.imap.host, wanted.username, wanted.folder):
        _begin_anew(row, at)
    if wanted.all_mail is not None:
        row.since_at = None if wanted.all_mail else row.since_at or at
    _set(row, wanted, secret, at)
    db.session().flush()
    _note(kind, inbox, by, at, _told(row))
    return row


def disconnect_mailbox(inbox: Inbox, *, by: Actor, at: datetime) -> None:
    """Forget how to get at a mailbox; what came from it stays. Raises NotFound."""
    row = mailbox_of(inbox, lock=True)
    _forget_mails(row)
    db.session().delete(row)
    _note("mailbox_disconnected", inbox, by, at)


def grant_of(row: Mailbox, secret_key: str) -> Grant:
    """Return what a mailbox at Microsoft or Google logs in with. Raises InvalidInput for one with a password."""
    credentials = unseal(row.secret, row.login, secret_key)
    if isinstance(credentials, Password):
        raise InvalidInput("this mailbox logs in with a password; there is nothing to authorise")
    return credentials


def keep_grant(row: Mailbox, grant: Grant, *, secret_key: str, at: datetime) -> None:
    """Keep what a person has granted, and try the mailbox at once."""
    row.secret, row.updated_at = seal(grant, secret_key), at
    row.failures, row.next_at = 0, None


def _set(row: Mailbox, wanted: Wanted, secret: str, at: datetime) -> None:
    imap, smtp = wanted.imap, wanted.smtp
    row.host, row.port, row.security = imap.host, _port(imap, IMAP_PORTS), imap.security
    row.username, row.login, row.secret = wanted.username, wanted.login, secret
    row.folder, row.move_to, row.enabled = wanted.folder, wanted.move_to, wanted.enabled
    row.smtp_host = smtp.host if smtp else None
    row.smtp_port = _port(smtp, SMTP_PORTS) if smtp else None
    row.smtp_security = smtp.security if smtp else None
    row.state, row.error, row.failures, row.next_at = MailboxState.NEW, "", 0, None
    row.updated_at = at


def _note(kind: str, inbox: Inbox, by: Actor, at: datetime, data: dict[str, Any] | None = None) -> None:
    audit.record(kind, subject="inbox", subject_id=inbox.id, by=by, at=at, data=data)


def _told(row: Mailbox) -> dict[str, Any]:
    """Return what the audit keeps: where mail comes from and goes out, nothing that logs in."""
    return {
        "host": row.host,
        "port": row.port,
        "security": row.security,
        "login": row.login,
        "folder": row.folder,
        "move_to": row.move_to,
        "smtp_host": row.smtp_host,
        "enabled": row.enabled,
    }


def _port(server: Server, usual: dict[MailSecurity, int]) -> int:
    return server.port or usual[server.security]


def _begin_anew(row: Mailbox, at: datetime) -> None:
    """Make a mailbox another one: what was known of the old one says nothing of it."""
    _forget_mails(row)
    row.uid_validity, row.first_uid, row.since_at, row.created_at = None, 1, at, at
    row.counted_at = row.on_server = row.missing = row.seen_at = None


def _forget_mails(row: Mailbox) -> None:
    db.session().execute(delete(MailboxMail).where(MailboxMail.mailbox_id == row.id))


def _sealed(row: Mailbox | None, wanted: Wanted, secret_key: str) -> str:
    """Return the secret to keep. Raises InvalidInput when it is not given, and the kept one must not be used."""
    given = wanted.credentials
    if isinstance(given, Grant) and not given.refresh_token and row is not None and _goes_to_the_same(row, wanted):
        kept = unseal(row.secret, row.login, secret_key)
        if isinstance(kept, Grant) and (kept.client_id, kept.tenant) == (given.client_id, given.tenant):
            # The person's grant is to this client, and stays good.
            given = replace(kept, client_secret=given.client_secret or kept.client_secret)
    if given is not None:
        return seal(given, secret_key)
    if row is None:
        raise InvalidInput("a mailbox needs a password, or the client_id of an app at Microsoft or Google")
    if not _goes_to_the_same(row, wanted):
        # Else whoever may change where it goes could read it at a server of their own.
        raise InvalidInput("the kept secret would go to another server or user; give it again")
    return row.secret


def _goes_to_the_same(row: Mailbox, wanted: Wanted) -> bool:
    imap, smtp = wanted.imap, wanted.smtp
    as_now = (row.login, row.username, row.host, row.port, row.security)
    same = as_now == (wanted.login, wanted.username, imap.host, _port(imap, IMAP_PORTS), imap.security)
    sends_as_now = (row.smtp_host, row.smtp_port, row.smtp_security)
    return same and (smtp is None or sends_as_now == (smtp.host, _port(smtp, SMTP_PORTS), smtp.security))


def _check(wanted: Wanted) -> None:
    for server in (wanted.imap, wanted.smtp):
        if server is None:
            continue
        if not HOST.fullmatch(server.host):
            raise InvalidInput("a mail server is named by its host alone, such as imap.example.com")
        if server.port is not None and not 1 <= server.port <= 65535:
            raise InvalidInput("a port is a number from 1 to 65535")
        if server.security is MailSecurity.NONE and wanted.login is not MailLogin.PASSWORD:
            raise InvalidInput("Microsoft's and Google's tokens go over TLS only: choose tls or starttls")
    _check_line("user name", wanted.username, MAX_USERNAME)
    _check_line("folder", wanted.folder, MAX_FOLDER)
    if wanted.move_to is not None:
        _check_line("folder to move to", wanted.move_to, MAX_FOLDER)
        if wanted.move_to == wanted.folder:
            raise InvalidInput("mail cannot be moved into the folder that it is in")
    _check_credentials(wanted.login, wanted.credentials)


def _check_credentials(login: MailLogin, credentials: Credentials | None) -> None:
    if credentials is None:
        return
    if isinstance(credentials, Password) != (login is MailLogin.PASSWORD):
        raise InvalidInput("a password logs in with login password; microsoft and google want a client_id")
    if isinstance(credentials, Password):
        _check_line("password", credentials.password, MAX_PASSWORD)
        return
    _check_line("client_id", credentials.client_id, MAX_USERNAME)
    if credentials.tenant and not re.fullmatch(r"[0-9A-Za-z.-]{1,100}", credentials.tenant):
        raise InvalidInput("a tenant is Microsoft's id of an organisation, or its domain")


def _check_line(what: str, value: str, longest: int) -> None:
    if not 0 < len(value) <= longest or not value.isprintable():
        raise InvalidInput(f"the {what} is one line of 1 to {longest} characters")
