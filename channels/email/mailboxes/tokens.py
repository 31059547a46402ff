"""The access token of a mailbox: the kept one while it is good, else a fresh one, which is then kept for all."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flask import current_app
from sqlalchemy import select, update

from channels.email.mailboxes.credentials import Grant, Password, seal, unseal
from channels.email.mailboxes.errors import MailboxTrouble
from channels.email.mailboxes.oauth import PROVIDERS, is_fresh
from channels.email.models import Mailbox, MailLogin
from config.settings import Settings
from ticketing.errors import InvalidInput
from ticketing.store import db
from ticketing.transaction import transaction

WAY = "comptoir.mailboxes.way"  # of the application's extensions: how requests for tokens travel, but over the internet


@dataclass(frozen=True)
class LogIn:
    """What to log in with: one of them is not ""."""

    password: str = ""
    access_token: str = ""


def log_in_with(mailbox_id: int, *, now: Callable[[], datetime], refused: str = "") -> LogIn:
    """Return what logs in at a mailbox's servers, IMAP and SMTP; `refused` is an access token that was no good.

    May ask Microsoft or Google, so it is called outside any transaction. Raises MailboxTrouble.
    """
    settings: Settings = current_app.extensions["comptoir.settings"]
    row = db.session().execute(select(Mailbox.secret, Mailbox.login).where(Mailbox.id == mailbox_id)).one_or_none()
    db.session().rollback()  # no connection is held while others are asked
    if row is None:
        raise MailboxTrouble("the mailbox is connected no more")
    try:
        credentials = unseal(row.secret, row.login, settings.secret_key)
    except InvalidInput as error:
        raise MailboxTrouble(str(error)) from None
    if isinstance(credentials, Password):
        return LogIn(password=credentials.password)
    if is_fresh(credentials, at=now()) and credentials.access_token != refused:
        return LogIn(access_token=credentials.access_token)
    return LogIn(access_token=_refreshed(mailbox_id, row.secret, row.login, credentials, settings, now))


def _refreshed(
    mailbox_id: int, sealed: str, login: MailLogin, grant: Grant, settings: Settings, now: Callable[[], datetime]
) -> str:
    way = current_app.extensions.get(WAY)
    fresh = PROVIDERS[login].refreshed(grant, at=now(), way=way)
    with transaction("mailbox") as session:
        # Not over what somebody has entered meanwhile.
        same = update(Mailbox).where(Mailbox.id == mailbox_id, Mailbox.secret == sealed)
        session.execute(same.values(secret=seal(fresh, settings.secret_key)))
    return fresh.access_token
