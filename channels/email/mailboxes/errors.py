"""What can go wrong between us and a mailbox.

MailboxTrouble          nothing goes on with this mailbox for now; the sentence is for its administrator
├── LoginRefused        the server does not believe who we are
└── ConnectionLost      the connection broke, or the server is away
MailRefused             one mail cannot be had; the next ones can
"""

import re

from channels.errors import TransientFailure

_BYTES_AS_TEXT = re.compile(r"\bb'([^']*)'")  # what imaplib makes of a server's words

LONGEST_WORDS = 200  # characters of what a server says


class MailboxTrouble(TransientFailure):
    """This mailbox cannot be read at the moment."""

    code = "mailbox_trouble"


class LoginRefused(MailboxTrouble):
    """The server does not let us in."""

    code = "mailbox_login_refused"


class ConnectionLost(MailboxTrouble):
    """The server cannot be reached, or hung up."""

    code = "mailbox_connection_lost"


class MailRefused(TransientFailure):
    """The server does not hand over one mail, or it is none that we take."""

    code = "mail_refused"


def words(said: object) -> str:
    """Return what a server said, as it may stand in a sentence of ours: short, and on one line."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    text = _BYTES_AS_TEXT.sub(r"\1", text)
    printable = "".join(one if one.isprintable() else " " for one in text[: 4 * LONGEST_WORDS])
    return " ".join(printable.split())[:LONGEST_WORDS]
