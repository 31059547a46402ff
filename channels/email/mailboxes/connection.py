"""One connection to a mailbox: look, list, fetch, move, wait. Every failure has a sentence.

The mailbox is opened read-only unless mail is to be moved, and mail is read with PEEK: nobody sees that we were there.
"""

import ssl
import threading
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from imapclient import DELETED
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, IMAPClientReadOnlyError

from channels.email.mailboxes.account import Account
from channels.email.mailboxes.errors import ConnectionLost, MailboxTrouble, MailRefused, words
from channels.email.mailboxes.imap_client import READ_SECONDS, SMALL_ANSWER, BoundedClient
from channels.email.mailboxes.opening import NONSENSE, connect, hang_up

WINDOW = 50_000  # mails in one listing: a line of imaplib's has at most a million bytes
SLACK = 1_000_000  # bytes; sizes are told before a server adds what it likes
FOLDERS_TOLD = 12


@dataclass(frozen=True)
class Folder:
    """What a folder says of itself: RFC 3501, 2.3.1.1."""

    uid_validity: int
    uid_next: int
    exists: int


class Connection:
    """A mailbox that we are logged in at."""

    def __init__(self, client: BoundedClient, account: Account) -> None:
        self._client = client
        self._account = account
        with _speaking(account):
            offered = set(client.capabilities())
        self.can_idle = b"IDLE" in offered
        self.can_move = b"MOVE" in offered or b"UIDPLUS" in offered

    @classmethod
    def open(
        cls, account: Account, *, password: str = "", access_token: str = "", tls: ssl.SSLContext | None = None
    ) -> "Connection":
        """Connect and log in, by an access token where there is one; see `opening.connect`."""
        client = connect(account, password=password, access_token=access_token, tls=tls)
        try:
            return cls(client, account)
        except BaseException:
            hang_up(client)
            raise

    def look(self) -> Folder:
        """Open the folder, or open it anew, and return what it says. Raises MailboxTrouble when there is none."""
        account = self._account
        self._client.allow(SMALL_ANSWER)
        try:
            with _speaking(account):
                said = self._client.select_folder(account.folder, readonly=account.move_to is None)
                exists, validity, following = (said.get(key) for key in (b"EXISTS", b"UIDVALIDITY", b"UIDNEXT"))
                if not validity:
                    raise MailboxTrouble("the server gives its mail no lasting numbers (UIDVALIDITY)")
                # Some old servers keep the next number to themselves (RFC 3501, 7.1).
                following = following or 1 + max(self._search("UID 1:*"), default=0)
                return Folder(int(validity), int(following), int(exists or 0))
        except _Refused as refused:
            told = ", ".join(self.folders()[:FOLDERS_TOLD])
            has = f"; it has {told}" if told else ""
            raise MailboxTrouble(f"the folder {account.folder!r} cannot be opened ({refused}){has}") from None

    def folders(self) -> list[str]:
        """Return the names of the folders; none if the server does not tell."""
        self._client.allow(SMALL_ANSWER)
        try:
            with _speaking(self._account):
                return [str(name) for _, _, name in self._client.list_folders()]
        except _Refused:
            return []

    def numbers(
        self, folder: Folder, *, since: int = 1, below: int | None = None, came: date | None = None
    ) -> "array[int]":
        """Return the UIDs from `since` up to, not with, `below`, in ascending order.

        `came`: only what came on that day or later, by the server's own calendar.
        """
        wanted = f"UID {since}:{'*' if below is None else below - 1}"
        wanted += f" SINCE {came.day}-{MONTHS[came.month - 1]}-{came.year}" if came else ""
        if below is not None and below <= since:
            return array("L")
        found: list[array[int]] = []
        lowest = below or 1 << 32
        # From the newest down: what others delete meanwhile moves the rest down, into what is still to be listed.
        for end in range(folder.exists, 0, -WINDOW):
            of = "" if folder.exists <= WINDOW else f"{max(1, end - WINDOW + 1)}:{end} "
            with _speaking(self._account):
                here = sorted({uid for uid in self._search(of + wanted) if since <= uid < lowest})
            if here:
                found.append(array("L", here))
                lowest = here[0]
            elif below is None:
                break  # what is further down has lower numbers still
        return array("L", [uid for part in reversed(found) for uid in part])

    def newer_than(self, uid: int) -> list[int]:
        """Return the UIDs above one, in ascending order."""
        self._client.allow(SMALL_ANSWER)
        with _speaking(self._account):
            self._client.noop()  # some servers notice new mail only then
            return sorted({one for one in self._search(f"UID {uid + 1}:*") if one > uid})  # `*` always names one

    def has(self, uid: int) -> bool:
        """Say whether a mail is still there."""
        with _speaking(self._account):
            return uid in self._search(f"UID {uid}")

    def _search(self, criteria: str) -> Sequence[int]:
        self._client.allow(SMALL_ANSWER)
        found: Sequence[int] = self._client.search(criteria)
        return found

    def sizes(self, uids: Sequence[int]) -> Mapping[int, int]:
        """Return the size in bytes of each mail that is still there, as far as the server tells."""
        return {uid: size for uid, size in self._of_each(uids, b"RFC822.SIZE").items() if isinstance(size, int)}

    def arrivals(self, uids: Sequence[int]) -> Mapping[int, datetime]:
        """Return when each mail came to the server, as far as that tells."""
        told = self._of_each(uids, b"INTERNALDATE")
        return {uid: at.astimezone(UTC) for uid, at in told.items() if isinstance(at, datetime)}

    def _of_each(self, uids: Sequence[int], what: bytes) -> Mapping[int, object]:
        self._client.allow(SMALL_ANSWER)
        try:
            with _speaking(self._account):
                told = self._client.fetch(list(uids), [what])
                return {uid: values[what] for uid, values in told.items() if what in values}
        except _Refused:
            return {}  # one mail that the server cannot read may spoil it for all; each is asked for by itself later

    def body(self, uid: int, *, size: int) -> bytes | None:
        """Return a mail of about `size` bytes as it is, unseen; None when it is gone. Raises MailRefused."""
        part = b"BODY[]"
        self._client.allow(size + SLACK)
        try:
            with _speaking(self._account):
                found = self._client.fetch([uid], [b"BODY.PEEK[]"]).get(uid, {})
        except _Refused as refused:
            found, why = {}, str(refused)
        else:
            why = "it answers nothing"
        content = found.get(part)
        if isinstance(content, bytes):
            return content
        if self.has(uid):
            raise MailRefused(f"the server lists it, and does not hand it over: {why}")
        return None

    def move(self, uids: Sequence[int], folder: str) -> None:
        """Move mails into another folder. Raises MailRefused when the server will not."""
        self._client.allow(SMALL_ANSWER)
        try:
            with _speaking(self._account):
                if self._client.has_capability("MOVE"):  # RFC 6851
                    self._client.move(uids, folder)
                    return
                self._client.copy(uids, folder)
                self._client.add_flags(uids, [DELETED], silent=True)
                self._client.uid_expunge(uids)  # RFC 4315: these and none of what others have marked
        except _Refused as refused:
            raise MailRefused(f"the server does not move it into {folder!r}: {refused}") from None

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """Wait until the server may have news (IDLE, RFC 2177), at most so long; without IDLE, so long."""
        if not self.can_idle:
            stop.wait(seconds)
            return
        self._client.allow(SMALL_ANSWER)
        try:
            with _speaking(self._account):
                self._client.idle()
                self._client.await_word(seconds, stop)
                self._client.idle_done()
        except _Refused:
            self.can_idle = False

    def close(self, *, patience: float = 2.0) -> None:
        """Say goodbye, and do not wait long for an answer."""
        with suppress(OSError, IMAPClientError, *NONSENSE):
            self._client.patience(patience)
            self._client.logout()
            return
        hang_up(self._client)

    def cut(self) -> None:
        """Break the connection, from another thread."""
        with suppress(OSError, AttributeError):
            self._client.cut()


MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def day_before(moment: datetime) -> date:
    """Return a day that is surely not later than the moment's, whatever zone a server keeps its calendar in."""
    return (moment - timedelta(days=1)).date()


class _Refused(Exception):
    """The server said no to one command; the connection is good."""


@contextmanager
def _speaking(account: Account) -> Iterator[None]:
    """Turn what goes wrong while a command is under way into ConnectionLost, or _Refused for a mere no."""
    where = f"{account.host}:{account.port}"
    try:
        yield
    except IMAPClientReadOnlyError:
        raise MailboxTrouble(
            f"the folder {account.folder!r} may only be read, and mail shall be moved from it"
        ) from None
    except IMAPClientAbortError as error:
        raise ConnectionLost(f"the connection to {where} broke: {words(error)}") from None
    except TimeoutError:
        raise ConnectionLost(f"{where} did not answer within {READ_SECONDS:.0f} seconds") from None
    except (OSError, EOFError) as error:
        raise ConnectionLost(f"the connection to {where} broke: {words(error)}") from None
    except IMAPClientError as error:
        raise _Refused(words(error)) from None
    except NONSENSE as error:
        raise _Refused(f"what the server answers makes no sense ({type(error).__name__})") from None
