"""Ask an OpenID Connect provider who somebody is: authorization code with PKCE, state and nonce (OpenID Connect Core,
RFC 7636). Needs the extra `oauth`. Whatever goes wrong there becomes one sentence; nothing that it says is believed
before its signature is checked.
"""

import base64
import hashlib
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode

import orjson
import requests
import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from config.settings import OpenIDProvider

log = structlog.get_logger()

SCOPE = "openid email profile"
ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]  # public keys only: neither `none` nor one that our secret would sign
TIMEOUT = (3, 5)  # seconds to connect, and to answer
LARGEST_ANSWER = 262_144  # bytes
KNOWN_FOR = 3600  # seconds that the provider's own description is believed
LEEWAY = 60  # seconds by which its clock may be off


class ProviderAway(Exception):
    """The provider cannot be reached, or answers what nobody can use."""


class NotBelieved(Exception):
    """What came back proves nothing."""


@dataclass(frozen=True)
class Begun:
    """What has to be remembered until somebody comes back from the provider."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True)
class Person:
    """Who somebody is at the provider."""

    subject: str
    verified_email: str | None


def begin() -> Begun:
    """Return fresh secrets for one login."""
    return Begun(secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48))


class Provider:
    """The operator's identity provider."""

    def __init__(self, settings: OpenIDProvider) -> None:
        self._settings = settings
        self._described: tuple[float, dict[str, Any]] | None = None
        self._keys: tuple[float, KeySet] | None = None

    @property
    def issuer(self) -> str:
        """Return the provider's name."""
        return self._settings.issuer

    def address(self, begun: Begun, *, redirect_uri: str) -> str:
        """Return where to send the browser. Raises ProviderAway."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(begun.verifier.encode()).digest()).rstrip(b"=")
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": SCOPE,
            "state": begun.state,
            "nonce": begun.nonce,
            "code_challenge": challenge.decode("ascii"),
            "code_challenge_method": "S256",
        }
        endpoint = self._endpoint("authorization_endpoint")
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"

    def person(self, code: str, begun: Begun, *, redirect_uri: str) -> Person:
        """Return whom the code stands for. Raises ProviderAway, NotBelieved."""
        answer = self._exchange(code, begun, redirect_uri)
        claims = self._believed(answer.get("id_token"), begun)
        email = claims.get("email")
        is_verified = claims.get("email_verified") is True and isinstance(email, str)
        return Person(claims["sub"], email if is_verified else None)

    def _exchange(self, code: str, begun: Begun, redirect_uri: str) -> dict[str, Any]:
        asked = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": begun.verifier,
        }
        ways = self._description().get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if "client_secret_basic" in ways:
            # RFC 6749, 2.3.1: both are form-encoded first.
            pair = (quote_plus(self._settings.client_id), quote_plus(self._settings.client_secret))
            status, answer = self._ask("POST", self._endpoint("token_endpoint"), data=asked, auth=pair)
        else:
            asked |= {"client_id": self._settings.client_id, "client_secret": self._settings.client_secret}
            status, answer = self._ask("POST", self._endpoint("token_endpoint"), data=asked)
        if status >= 500:
            raise ProviderAway(f"the token endpoint answers {status}")
        if status != 200:
            raise NotBelieved("the provider does not take this code")
        return answer

    def _believed(self, token: Any, begun: Begun) -> Mapping[str, Any]:
        if not isinstance(token, str):
            raise NotBelieved("the provider sent no id_token")
        try:
            claims = self._verified(token)
        except (JoseError, ValueError, TypeError) as error:
            raise NotBelieved(f"the id_token is not what it should be ({type(error).__name__})") from None
        if not secrets.compare_digest(str(claims.get("nonce", "")).encode(), begun.nonce.encode()):
            raise NotBelieved("the id_token belongs to another login (nonce)")
        audience = claims["aud"]
        several = isinstance(audience, list) and len(audience) > 1
        if (several or "azp" in claims) and claims.get("azp") != self._settings.client_id:
            raise NotBelieved("the id_token is for another program (azp)")
        if not isinstance(claims["sub"], str) or not 1 <= len(claims["sub"]) <= 255:
            raise NotBelieved("the id_token names nobody (sub)")
        return claims

    def _verified(self, token: str) -> Mapping[str, Any]:
        try:
            found = jwt.decode(token, self._key_set(), algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            # The provider may have changed its keys since we asked.
            found = jwt.decode(token, self._key_set(anew=True), algorithms=ALGORITHMS)
        registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self._settings.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        )
        registry.validate(found.claims)
        return found.claims

    def _key_set(self, *, anew: bool = False) -> KeySet:
        if anew or self._keys is None or time.monotonic() - self._keys[0] > KNOWN_FOR:
            status, answer = self._ask("GET", self._endpoint("jwks_uri"))
            if status != 200 or not isinstance(answer.get("keys"), list):
                raise ProviderAway("its keys cannot be read")
            try:
                self._keys = time.monotonic(), KeySet.import_key_set({"keys": answer["keys"]})
            except (JoseError, ValueError, TypeError, KeyError):
                raise ProviderAway("its keys cannot be read") from None
        return self._keys[1]

    def _endpoint(self, name: str) -> str:
        found = self._description().get(name)
        if not isinstance(found, str) or not found.startswith(("https://", "http://")):
            raise ProviderAway(f"its description has no {name}")
        if found.startswith("http://") and not self.issuer.startswith("http://"):
            raise ProviderAway(f"its {name} is not encrypted")
        return found

    def _description(self) -> dict[str, Any]:
        if self._described is None or time.monotonic() - self._described[0] > KNOWN_FOR:
            status, answer = self._ask("GET", f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
            if status != 200 or answer.get("issuer") != self.issuer:
                raise ProviderAway("its description is missing, or is of another issuer than COMPTOIR_OIDC_ISSUER")
            self._described = time.monotonic(), answer
        return self._described[1]

    @staticmethod
    def _ask(method: str, url: str, **values: Any) -> tuple[int, dict[str, Any]]:
        try:
            with requests.request(method, url, timeout=TIMEOUT, allow_redirects=False, stream=True, **values) as answer:
                content = answer.raw.read(LARGEST_ANSWER + 1, decode_content=True)
                status = answer.status_code
            if len(content) > LARGEST_ANSWER:
                raise ProviderAway("it answers too much")
            found = orjson.loads(content)
        except (requests.RequestException, OSError) as error:
            raise ProviderAway(type(error).__name__) from None
        except ValueError:
            found = {}
        return status, found if isinstance(found, dict) else {}
