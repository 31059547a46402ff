"""Sign the mail that we send (DKIM, RFC 6376), with a key for each domain that we send from.

The private key lies encrypted in the store; the public one is for the domain's DNS, which is not ours to change.
"""

import base64
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import select

from channels.email.models import SigningKey
from channels.errors import TransientFailure
from ticketing import audit
from ticketing.errors import Conflict, InvalidInput, NotFound
from ticketing.events import Actor
from ticketing.secrets import decrypt, encrypt
from ticketing.store import db

BITS = 2048  # RFC 8301, 3.2
REMEMBERED_FOR = 60.0  # seconds; for so long a process signs with a key that was taken away
MAX_REMEMBERED = 1000  # domains

# What a reader sees, and what threads. Each is signed once more than it is there, so that nobody adds another.
SIGNED_HEADERS = (
    *(b"from", b"to", b"cc", b"subject", b"date", b"message-id", b"reply-to", b"in-reply-to", b"references"),
    *(b"mime-version", b"content-type", b"content-transfer-encoding"),
)
OVERSIGNED = (b"from", b"to", b"cc", b"subject", b"date", b"message-id", b"reply-to", b"in-reply-to", b"references")

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?=.{{4,253}}$){_LABEL}(?:\.{_LABEL})+")
_SELECTOR = re.compile(rf"(?=.{{1,63}}$){_LABEL}(?:\.{_LABEL})*")


@dataclass(frozen=True)
class Signer:
    """What signs the mail of a domain."""

    domain: str
    selector: str
    private_key: bytes = field(repr=False)  # PEM

    def sign(self, content: bytes) -> bytes:
        """Return the mail with its signature on top; not a byte of it may change on the way."""
        signing = dkim.DKIM(content)
        present = {name.lower() for name, _ in signing.headers}
        header = signing.sign(
            self.selector.encode(),
            self.domain.encode(),
            self.private_key,
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=[*(one for one in SIGNED_HEADERS if one in present), *OVERSIGNED],
        )
        return bytes(header) + content


class Signers:
    """The signers of all domains, each remembered for a minute. Threads share it."""

    def __init__(self, secret_key: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._secret_key = secret_key
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Signer | None]] = {}

    def signer_for(self, domain: str) -> Signer | None:
        """Return who signs for a domain: by its own key, else by the nearest one above it; None: nobody.

        Raises TransientFailure when there is a key that cannot be read: unsigned, the mail would be taken for spam.
        """
        now = self._clock()
        with self._lock:
            until, signer = self._known.get(domain, (now, None))
        if until > now:
            return signer
        signer = self._read(domain)
        with self._lock:
            if len(self._known) >= MAX_REMEMBERED:
                self._known.clear()
            self._known[domain] = (now + REMEMBERED_FOR, signer)
        return signer

    def _read(self, domain: str) -> Signer | None:
        labels = domain.split(".")
        names = [".".join(labels[at:]) for at in range(len(labels) - 1)]
        keys = select(SigningKey).where(SigningKey.domain.in_(names), SigningKey.signs)
        nearest = max(db.session().scalars(keys), key=lambda row: (len(row.domain), row.id), default=None)
        if nearest is None:
            return None
        try:
            private_key = decrypt(nearest.private_key, self._secret_key).encode("ascii")
        except InvalidInput as error:
            raise TransientFailure(f"mail from {domain} cannot be signed: {error}") from None
        return Signer(nearest.domain, nearest.selector, private_key)


def create_key(domain: str, *, selector: str, secret_key: str, by: Actor, at: datetime) -> SigningKey:
    """Make a key for a domain and what is below it. The first one signs at once, later ones by `use_key`.

    Raises InvalidInput, and Conflict when the domain has a key with this selector.
    """
    domain, selector = _domain(domain), selector.strip().lower()
    if not _SELECTOR.fullmatch(selector):
        raise InvalidInput("a selector has letters, digits, dashes and dots, such as comptoir or 2026-11")
    known = keys_of(domain)
    if any(row.selector == selector for row in known):
        raise Conflict(f"{domain} has a key {selector} already; give the new one another selector")
    sealed, signs = encrypt(_pem(), secret_key), not any(row.signs for row in known)
    row = SigningKey(domain=domain, selector=selector, private_key=sealed, signs=signs, created_at=at)
    db.session().add(row)
    db.session().flush()
    _note("signing_key_created", row, by, at)
    return row


def use_key(row: SigningKey, *, by: Actor, at: datetime) -> None:
    """Sign with this key of its domain, from within a minute on, and with no other."""
    for one in keys_of(row.domain):
        one.signs = one.id == row.id
    _note("signing_key_used", row, by, at)


def remove_key(row: SigningKey, *, by: Actor, at: datetime) -> None:
    """Take a key away. Without another one that signs, the domain's mail goes out unsigned from within a minute on."""
    _note("signing_key_removed", row, by, at)
    db.session().delete(row)


def find_key(domain: str, selector: str = "") -> SigningKey:
    """Return a domain's own key, the newest unless a selector is given. Raises NotFound, InvalidInput."""
    name = _domain(domain)
    found = [row for row in keys_of(name) if selector.lower() in {"", row.selector}]
    if not found:
        raise NotFound(f"there is no signing key {selector} for {name}".replace("  ", " "))
    return found[-1]


def keys_of(domain: str) -> Sequence[SigningKey]:
    """Return a domain's own keys, the newest last."""
    return db.session().scalars(select(SigningKey).where(SigningKey.domain == domain).order_by(SigningKey.id)).all()


def _note(kind: str, row: SigningKey, by: Actor, at: datetime) -> None:
    data = {"domain": row.domain, "selector": row.selector}
    audit.record(kind, subject="signing_key", subject_id=row.id, by=by, at=at, data=data)


def list_keys() -> Sequence[SigningKey]:
    """Return all keys, by domain."""
    return db.session().scalars(select(SigningKey).order_by(SigningKey.domain, SigningKey.id)).all()


def record_name(row: SigningKey) -> str:
    """Return the name in DNS at which the public key is looked for."""
    return f"{row.selector}._domainkey.{row.domain}"


def record_text(row: SigningKey, secret_key: str) -> str:
    """Return the TXT record's text: RFC 6376, 3.6.1. Raises InvalidInput when the key cannot be read."""
    return f"v=DKIM1; k=rsa; p={public_key(row, secret_key)}"


def public_key(row: SigningKey, secret_key: str) -> str:
    """Return the public key as it stands in DNS. Raises InvalidInput when the key cannot be read."""
    pem = decrypt(row.private_key, secret_key).encode("ascii")
    private = serialization.load_pem_private_key(pem, password=None)
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(private.public_key().public_bytes(serialization.Encoding.DER, spki)).decode()


def zone_line(name: str, text: str) -> str:
    """Return a record as it stands in a zone file: a TXT string has at most 255 characters (RFC 1035, 3.3)."""
    pieces = " ".join(f'"{text[at : at + 255]}"' for at in range(0, len(text), 255))
    return f"{name}. IN TXT ( {pieces} )"


def _pem() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode("ascii")


def _domain(name: str) -> str:
    try:
        ascii_name = name.strip().rstrip(".").lower().encode("idna").decode("ascii")
    except UnicodeError:
        ascii_name = ""
    if not _DOMAIN.fullmatch(ascii_name):
        raise InvalidInput(f"{name[:60]!r} is no domain like example.com")
    return ascii_name
