"""Where the answers of an inbox go out when it has a mail server of its own."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select

from channels.email.mailboxes.connecting import SMTP_PORTS
from channels.email.mailboxes.tokens import log_in_with
from channels.email.models import Mailbox, MailSecurity
from channels.email.smtp_client import Security, Server
from ticketing.store import db

STARTTLS: dict[MailSecurity, Security] = {  # never "optional": the password would go over the wire in clear
    MailSecurity.TLS: "off",
    MailSecurity.STARTTLS: "required",
    MailSecurity.NONE: "off",
}


def outgoing_server(inbox_id: int, *, now: Callable[[], datetime], refused: str = "") -> Server | None:
    """Return the SMTP server of an inbox's mailbox, with what logs in there; None when it has none.

    `refused` is an access token that was no good. May ask Microsoft or Google for a token, so it is called outside any
    transaction. Raises TransientFailure.
    """
    query = select(Mailbox.id, Mailbox.username, Mailbox.smtp_host, Mailbox.smtp_port, Mailbox.smtp_security)
    row = db.session().execute(query.where(Mailbox.inbox_id == inbox_id)).one_or_none()
    db.session().rollback()
    if row is None or row.smtp_host is None:
        return None
    security = row.smtp_security or MailSecurity.TLS
    log_in = log_in_with(row.id, now=now, refused=refused)
    return Server(
        host=row.smtp_host,
        port=row.smtp_port or SMTP_PORTS[security],
        implicit_tls=security is MailSecurity.TLS,
        starttls=STARTTLS[security],
        username=row.username,
        password=log_in.password,
        token=log_in.access_token,
    )
