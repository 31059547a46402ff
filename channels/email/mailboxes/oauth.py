"""Access tokens for mailboxes at Microsoft and Google (XOAUTH2): a person grants once, we refresh from then on.

msal and authlib come with the extra `oauth` and are imported only when a mailbox needs them.
"""

from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qs, urlsplit

from channels.email.mailboxes.credentials import Grant
from channels.email.mailboxes.errors import ConnectionLost, LoginRefused, MailboxTrouble, words
from channels.email.models import MailLogin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from requests.adapters import BaseAdapter

SECONDS = 20.0  # for an answer of theirs
EARLY = 120.0  # seconds before its end at which a token is renewed
LIFE = 3600.0  # seconds, where the provider does not say
# https://learn.microsoft.com/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth
MICROSOFT = "https://login.microsoftonline.com"
MICROSOFT_SCOPES = ("https://outlook.office.com/IMAP.AccessAsUser.All", "https://outlook.office.com/SMTP.Send")
# https://developers.google.com/identity/protocols/oauth2/native-app and …/gmail/imap/xoauth2-protocol
GOOGLE_CONSENT = "https://accounts.google.com/o/oauth2/v2/auth"
GOOGLE_TOKEN = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
GOOGLE_SCOPE = "https://mail.google.com/"
GOOGLE_BACK = "http://127.0.0.1:1"  # where nobody listens: the code is read from the browser's address bar


class Provider(Protocol):
    """Who gives tokens. `way` is how requests travel; None: the internet."""

    def refreshed(self, grant: Grant, *, at: datetime, way: "BaseAdapter | None" = None) -> Grant:
        """Return the grant with a fresh access token. Raises LoginRefused when a person has to grant again."""

    def authorised(
        self,
        grant: Grant,
        *,
        tell: Callable[[str], None],
        ask: Callable[[str], str],
        now: Callable[[], datetime],
        way: "BaseAdapter | None" = None,
    ) -> Grant:
        """Return the grant with what a person has now granted; `tell` and `ask` speak with whoever sits there."""


def is_fresh(grant: Grant, *, at: datetime) -> bool:
    """Say whether the access token is good for a while."""
    return bool(grant.access_token) and grant.expires_at - EARLY > at.timestamp()


class Microsoft:
    """Microsoft 365, by msal: the device flow, for which no browser on this machine is needed."""

    def refreshed(self, grant: Grant, *, at: datetime, way: "BaseAdapter | None" = None) -> Grant:
        _must_be_authorised(grant)
        with _asking("Microsoft"):
            found = self._app(grant, way).acquire_token_by_refresh_token(grant.refresh_token, list(MICROSOFT_SCOPES))
        return _with_tokens(grant, found, "Microsoft", at=at)

    def authorised(
        self,
        grant: Grant,
        *,
        tell: Callable[[str], None],
        ask: Callable[[str], str],
        now: Callable[[], datetime],
        way: "BaseAdapter | None" = None,
    ) -> Grant:
        with _asking("Microsoft"):
            app = self._app(grant, way)
            flow = app.initiate_device_flow(list(MICROSOFT_SCOPES))
        if "user_code" not in flow:
            raise LoginRefused(f"Microsoft begins no login: {_why(flow)}")
        tell(f"Open {flow['verification_uri']}, enter the code {flow['user_code']}, and log in as the mailbox.")
        with _asking("Microsoft"):
            return _with_tokens(grant, app.acquire_token_by_device_flow(flow), "Microsoft", at=now())

    def _app(self, grant: Grant, way: "BaseAdapter | None") -> Any:
        try:
            import msal
            import requests
        except ImportError:
            raise MailboxTrouble("a login at Microsoft needs more packages: pip install 'comptoir[oauth]'") from None
        session = _impatient(requests.Session(), way)
        of = {"authority": f"{MICROSOFT}/{grant.tenant or 'organizations'}", "http_client": session}
        if grant.client_secret:
            return msal.ConfidentialClientApplication(grant.client_id, client_credential=grant.client_secret, **of)
        return msal.PublicClientApplication(grant.client_id, **of)


class Google:
    """Google, by authlib: its device flow gives nobody mail, so a browser's address is carried over by hand."""

    def refreshed(self, grant: Grant, *, at: datetime, way: "BaseAdapter | None" = None) -> Grant:
        _must_be_authorised(grant)
        with self._session(grant, way) as session, _asking("Google"):
            found = session.refresh_token(GOOGLE_TOKEN, grant.refresh_token)
            return _with_tokens(grant, found, "Google", at=at)

    def authorised(
        self,
        grant: Grant,
        *,
        tell: Callable[[str], None],
        ask: Callable[[str], str],
        now: Callable[[], datetime],
        way: "BaseAdapter | None" = None,
    ) -> Grant:
        with self._session(grant, way) as session, _asking("Google"):
            verifier = _generate_token(64)
            address, state = session.create_authorization_url(
                GOOGLE_CONSENT, code_verifier=verifier, access_type="offline", prompt="consent"
            )
            tell(f"Open this, log in as the mailbox, and agree:\n\n{address}\n\nThe browser ends on a page that it")
            back = ask("cannot load, and that is right. Paste that page's whole address here")
            code = _code_in(back, state)
            found = session.fetch_token(
                GOOGLE_TOKEN, grant_type="authorization_code", code=code, code_verifier=verifier
            )
            return _with_tokens(grant, found, "Google", at=now())

    def _session(self, grant: Grant, way: "BaseAdapter | None") -> Any:
        try:
            from authlib.integrations.requests_client import OAuth2Session
        except ImportError:
            raise MailboxTrouble("a login at Google needs more packages: pip install 'comptoir[oauth]'") from None
        session = OAuth2Session(
            grant.client_id,
            grant.client_secret,
            scope=GOOGLE_SCOPE,
            redirect_uri=GOOGLE_BACK,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_post",  # noqa: S106 - a method's name
        )
        return _impatient(session, way)


PROVIDERS: Mapping[MailLogin, Provider] = {MailLogin.MICROSOFT: Microsoft(), MailLogin.GOOGLE: Google()}


def _generate_token(length: int) -> str:
    from authlib.common.security import generate_token

    return str(generate_token(length))


def _impatient(session: Any, way: "BaseAdapter | None") -> Any:
    """Have a session of requests wait no longer than we do, and go the given way."""
    from functools import partial

    session.request = partial(session.request, timeout=SECONDS)
    session.max_redirects = 0
    if way is not None:
        session.mount("https://", way)
    return session


def _must_be_authorised(grant: Grant) -> None:
    if not grant.refresh_token:
        raise LoginRefused("nobody has granted us access yet: run `comptoir mailbox authorise`")


@contextmanager
def _asking(provider: str) -> "Iterator[None]":
    """Turn what goes wrong on the way to a provider into a sentence; both libraries raise what requests does."""
    try:
        yield
    except (LoginRefused, MailboxTrouble):
        raise
    except OSError as error:  # RequestException is one
        raise ConnectionLost(f"{provider} cannot be asked for a token: {type(error).__name__}") from None
    except Exception as error:  # noqa: BLE001
        # OAuthError of authlib, ValueError of msal for a tenant that there is not, and what they make of an odd answer.
        raise LoginRefused(f"{provider} gives no token: {words(error)}") from None


def _with_tokens(grant: Grant, found: Mapping[str, Any], provider: str, *, at: datetime) -> Grant:
    """Return the grant with what the provider gave; a refresh token that it changed replaces ours."""
    access_token = found.get("access_token")
    if not isinstance(access_token, str) or not access_token:
        raise LoginRefused(f"{provider} gives no token: {_why(found)}; run `comptoir mailbox authorise` again")
    refresh_token = found.get("refresh_token") or grant.refresh_token
    if not refresh_token:
        raise LoginRefused(f"{provider} gave a token that cannot be refreshed; run `comptoir mailbox authorise` again")
    life = float(found.get("expires_in") or LIFE)
    return replace(grant, access_token=access_token, refresh_token=str(refresh_token), expires_at=at.timestamp() + life)


def _why(found: Mapping[str, Any]) -> str:
    return words(found.get("error_description") or found.get("error") or "it does not say why")


def _code_in(address: str, state: str) -> str:
    """Return the code in the address on which the browser ended. Raises LoginRefused."""
    given = {name: values[0] for name, values in parse_qs(urlsplit(address.strip()).query).items()}
    if "code" not in given:
        raise LoginRefused(f"Google gave no code: {words(given.get('error') or 'the address has none')}")
    if given.get("state") != state:
        raise LoginRefused("that address belongs to another attempt; begin again")
    return given["code"]
