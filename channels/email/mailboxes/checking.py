"""Try a mailbox once, and say in plain sentences what works and what does not."""

import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from channels.email.mailboxes.account import Account
from channels.email.mailboxes.connection import Connection
from channels.email.mailboxes.errors import MailboxTrouble
from channels.email.mailboxes.tokens import LogIn


@dataclass(frozen=True)
class Finding:
    """A sentence, and whether all is well with what it is about."""

    words: str
    is_well: bool = True


def check(account: Account, log_in: Callable[[], LogIn], *, tls: ssl.SSLContext | None = None) -> Iterator[Finding]:
    """Connect, log in, look, and change nothing. Ends at the first thing without which the rest makes no sense."""
    try:
        given = log_in()
        connection = Connection.open(account, password=given.password, access_token=given.access_token, tls=tls)
    except MailboxTrouble as trouble:
        yield Finding(_sentence(str(trouble)), is_well=False)
        return
    try:
        yield Finding(f"Logged in at {account.host}:{account.port} as {account.username}.")
        yield from _look(connection, account)
    except MailboxTrouble as trouble:
        yield Finding(_sentence(str(trouble)), is_well=False)
    finally:
        connection.close()


def _look(connection: Connection, account: Account) -> Iterator[Finding]:
    folder = connection.look()
    yield Finding(f"The folder {account.folder!r} has {folder.exists} mails.")
    if connection.can_idle:
        yield Finding("The server tells of new mail at once (IDLE).")
    else:
        yield Finding("The server cannot tell of new mail (no IDLE), so it is asked twice a minute.")
    if account.move_to is None:
        yield Finding("The mailbox is left as it is.")
    elif not connection.can_move:
        yield Finding("The server can neither MOVE nor UIDPLUS, so mail would stay where it is.", is_well=False)
    elif account.move_to not in (folders := connection.folders()):
        yield Finding(f"There is no folder {account.move_to!r} to move to; it has {', '.join(folders)}.", is_well=False)
    else:
        yield Finding(f"Mail that we have goes into the folder {account.move_to!r}.")


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:] + ("" if words.endswith((".", "?", "!")) else ".")
