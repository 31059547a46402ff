"""The second factor: codes that follow from the time (TOTP, RFC 6238), and recovery codes for who lost the phone."""

import hashlib
import hmac
import re
import secrets
from datetime import datetime

import pyotp

from ticketing import audit
from ticketing.errors import Conflict, InvalidInput
from ticketing.events import Actor
from ticketing.models import Agent, Credential
from ticketing.secrets import decrypt, encrypt

ISSUER = "Comptoir"
STEP_SECONDS = 30
RECOVERY_CODES = 10
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # five bits each, none that is mistaken for another
_BLANKS = re.compile(r"[\s-]+")


def enrol(credential: Credential, agent: Agent, *, secret_key: str, at: datetime) -> tuple[str, str]:
    """Return a new secret and its `otpauth:` address, for the authenticator; not in force before it is confirmed.

    Raises Conflict when there is a second factor already.
    """
    if credential.totp_confirmed_at is not None:
        raise Conflict("there is a second factor already; remove it before you set up another")
    secret = pyotp.random_base32()
    credential.totp_secret = encrypt(secret, secret_key)
    credential.totp_last_step = None
    audit.record("totp_begun", subject="agent", subject_id=agent.id, by=Actor.agent(agent.id), at=at)
    return secret, pyotp.TOTP(secret).provisioning_uri(name=agent.email, issuer_name=ISSUER)


def confirm(credential: Credential, code: str, *, secret_key: str, at: datetime) -> list[str]:
    """Put the second factor in force; return the recovery codes, which are shown this once.

    Raises Conflict, InvalidInput for a wrong code.
    """
    if credential.totp_secret is None:
        raise Conflict("no second factor has been set up; begin with POST /account/totp")
    if credential.totp_confirmed_at is not None:
        raise Conflict("the second factor is in force already")
    if not _takes_code(credential, code, secret_key=secret_key, at=at):
        raise InvalidInput("this code is wrong; is the clock of the phone right?")
    codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
    credential.recovery_digests = [_digest(one) for one in codes]
    credential.totp_confirmed_at = at
    who = Actor.agent(credential.agent_id)
    audit.record("totp_confirmed", subject="agent", subject_id=credential.agent_id, by=who, at=at)
    return codes


def remove(credential: Credential, *, by: Actor, at: datetime) -> None:
    """End the second factor, whether it is in force or not yet."""
    credential.totp_secret = None
    credential.totp_confirmed_at = None
    credential.totp_last_step = None
    credential.recovery_digests = []
    audit.record("totp_removed", subject="agent", subject_id=credential.agent_id, by=by, at=at)


def takes(credential: Credential, code: str, *, secret_key: str, at: datetime) -> str | None:
    """Use up a code; return which kind it was, `totp` or `recovery`, None when it is wrong or was used before."""
    if _takes_code(credential, code, secret_key=secret_key, at=at):
        return "totp"
    return "recovery" if _takes_recovery(credential, code) else None


def _takes_code(credential: Credential, code: str, *, secret_key: str, at: datetime) -> bool:
    if credential.totp_secret is None:
        return False
    totp = pyotp.TOTP(decrypt(credential.totp_secret, secret_key))
    given = _plain(code).encode()
    now = int(at.timestamp()) // STEP_SECONDS
    for step in (now - 1, now, now + 1):  # RFC 6238, 5.2: a phone's clock may be off by a step
        if hmac.compare_digest(totp.generate_otp(step).encode(), given):
            if step <= (credential.totp_last_step or 0):
                return False  # whoever looked over their shoulder comes too late
            credential.totp_last_step = step
            return True
    return False


def _takes_recovery(credential: Credential, code: str) -> bool:
    digest = _digest(code)
    if digest not in credential.recovery_digests:
        return False
    credential.recovery_digests = [one for one in credential.recovery_digests if one != digest]
    return True


def _recovery_code() -> str:
    # 80 bits, so that a fast hash keeps it.
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))


def _digest(code: str) -> str:
    return hashlib.sha256(_plain(code).encode()).hexdigest()


def _plain(code: str) -> str:
    return _BLANKS.sub("", code).lower()
