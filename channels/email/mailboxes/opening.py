"""Connect to a mailbox's server and log in; every failure has a sentence that says what to mend."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from imapclient.exceptions import CapabilityError, IMAPClientAbortError, IMAPClientError

from channels.email.mailboxes.account import Account
from channels.email.mailboxes.errors import ConnectionLost, LoginRefused, MailboxTrouble, words
from channels.email.mailboxes.imap_client import READ_SECONDS, BoundedClient
from channels.email.models import MailSecurity

# What a library can stumble over in what a server makes up.
NONSENSE = (ValueError, LookupError, TypeError, AttributeError, RecursionError, AssertionError)


def connect(account: Account, *, password: str, access_token: str, tls: ssl.SSLContext | None) -> BoundedClient:
    """Return a client that is logged in, by an access token where there is one.

    `tls` is the system's trust store unless given. Raises LoginRefused, ConnectionLost, MailboxTrouble.
    """
    client = _connected(account, tls or ssl.create_default_context())
    try:
        with _introducing(account, "the access token" if access_token else "user name and password"):
            _log_in(client, account, password, access_token)
    except BaseException:
        hang_up(client)
        raise
    return client


def hang_up(client: BoundedClient) -> None:
    """End a connection without a word."""
    with suppress(OSError, IMAPClientError, *NONSENSE):
        client.shutdown()


def _connected(account: Account, tls: ssl.SSLContext) -> BoundedClient:
    host, where = account.host, f"{account.host}:{account.port}"
    try:
        client = BoundedClient(host, account.port, tls=tls if account.security is MailSecurity.TLS else None)
        if account.security is MailSecurity.STARTTLS:
            _start_tls(client, tls)
    except ssl.SSLCertVerificationError as error:
        raise ConnectionLost(f"the certificate of {host} is not trusted: {words(error.verify_message)}") from None
    except ssl.SSLError:
        raise ConnectionLost(f"{where} speaks no TLS from the first byte; is it STARTTLS that it wants?") from None
    except (socket.gaierror, UnicodeError):
        raise ConnectionLost(f"there is no host {host!r}; is its name right?") from None
    except TimeoutError:
        raise ConnectionLost(f"{where} does not answer") from None
    except ConnectionRefusedError:
        raise ConnectionLost(f"nobody listens at {where}; is the port right?") from None
    except CapabilityError:
        raise MailboxTrouble(f"{where} offers no STARTTLS") from None
    except OSError as error:
        raise ConnectionLost(f"{where} cannot be reached: {words(error.strerror or error)}") from None
    except (IMAPClientError, *NONSENSE):
        raise ConnectionLost(f"what answers at {where} is no IMAP server that we understand") from None
    return client


def _start_tls(client: BoundedClient, tls: ssl.SSLContext) -> None:
    try:
        client.starttls(tls)
    except BaseException:
        hang_up(client)
        raise


def _log_in(client: BoundedClient, account: Account, password: str, access_token: str) -> None:
    offered = client.offered_before_login()
    if access_token:
        client.oauth2_login(account.username, access_token)
    elif "AUTH=PLAIN" in offered:
        client.plain_login(account.username, password)  # takes whatever characters a password has
    elif "LOGINDISABLED" in offered:
        raise MailboxTrouble(f"{account.host} takes no password without TLS; choose tls or starttls")
    else:
        client.login(_quoted(account.username), password)


@contextmanager
def _introducing(account: Account, what: str) -> Iterator[None]:
    where = f"{account.host}:{account.port}"
    try:
        yield
    except IMAPClientError as error:
        if isinstance(error, IMAPClientAbortError) or isinstance(error.__context__, IMAPClientAbortError):
            raise ConnectionLost(f"{where} hung up at the login") from None
        if "[UNAVAILABLE]" in str(error):  # RFC 5530
            raise ConnectionLost(f"{where} cannot log anybody in at the moment: {words(error)}") from None
        raise LoginRefused(f"{where} does not accept {what}: {words(error)}") from None
    except UnicodeError:
        raise LoginRefused(f"{where} takes only plain letters in user name and password") from None
    except TimeoutError:
        raise ConnectionLost(f"{where} did not answer within {READ_SECONDS:.0f} seconds") from None
    except (OSError, EOFError):
        raise ConnectionLost(f"{where} hung up at the login") from None
    except NONSENSE:
        raise ConnectionLost(f"what {where} answers to a login makes no sense") from None


def _quoted(name: str) -> str:
    """Return a user name as LOGIN takes it: imaplib quotes the password only."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
