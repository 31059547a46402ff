"""One's own account: the password and the second factor."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import current_app
from flask.views import MethodView

from api import hashing
from api.auth import actor, caller, calling_agent
from api.blueprint import Blueprint
from api.logins import WrongCode, confirm_password, counting_wrong_codes
from api.schemas.access import (
    AccountSchema,
    CodeSchema,
    EnrolmentSchema,
    PasswordAndCodeSchema,
    PasswordChangeSchema,
    PasswordSchema,
    RecoveryCodesSchema,
)
from ticketing import credentials, passwords, second_factor
from ticketing.errors import Conflict
from ticketing.models import Credential
from ticketing.moment import utc_now
from ticketing.transaction import transaction

blueprint = Blueprint("account", description="Your own password and second factor")


@dataclass(frozen=True)
class Account:
    """How somebody proves who they are."""

    has_password: bool
    totp_confirmed_at: datetime | None
    recovery_codes_left: int


@dataclass(frozen=True)
class Enrolment:
    """A new second factor."""

    secret: str
    uri: str


@dataclass(frozen=True)
class RecoveryCodes:
    """What serves instead of the authenticator."""

    recovery_codes: list[str]


@blueprint.route("/account")
class OwnAccount(MethodView):
    @blueprint.needs("agents:read")
    @blueprint.answers(200, AccountSchema, description="How you prove who you are")
    def get(self) -> Account:
        """Read how you prove who you are."""
        found = credentials.find_credential(caller().agent_id)
        if found is None:
            return Account(False, None, 0)
        return Account(found.password_hash is not None, found.totp_confirmed_at, len(found.recovery_digests))


@blueprint.route("/account/password")
class Password(MethodView):
    @blueprint.needs("account:write")
    @blueprint.takes(PasswordChangeSchema)
    @blueprint.answers(204, description="Changed; your other logins have ended")
    @blueprint.refuses(409)
    def put(self, asked: dict[str, Any]) -> None:
        """Change your password."""
        confirm_password(asked["current"])
        agent = calling_agent()
        passwords.check_new(asked["new"], known_as=[agent.name, agent.email])
        kept = hashing.hashed(asked["new"])
        with transaction("api"):
            credentials.set_password(calling_agent(), kept, by=actor(), at=utc_now(), but=caller().session_id)


@blueprint.route("/account/totp")
class SecondFactor(MethodView):
    @blueprint.needs("account:write")
    @blueprint.takes(PasswordSchema)
    @blueprint.answers(201, EnrolmentSchema, description="The secret; shown this once, in force once confirmed")
    @blueprint.refuses(409)
    def post(self, asked: dict[str, Any]) -> Enrolment:
        """Begin to set up a second factor."""
        confirm_password(asked["password"])
        with transaction("api"):
            secret, uri = second_factor.enrol(_credential(), calling_agent(), secret_key=_secret_key(), at=utc_now())
        return Enrolment(secret, uri)

    @blueprint.needs("account:write")
    @blueprint.takes(CodeSchema)
    @blueprint.answers(200, RecoveryCodesSchema, description="In force; the recovery codes are shown this once")
    @blueprint.refuses(409)
    def put(self, asked: dict[str, Any]) -> RecoveryCodes:
        """Confirm the second factor by a first code."""
        with transaction("api"):
            codes = second_factor.confirm(_credential(), asked["code"], secret_key=_secret_key(), at=utc_now())
        return RecoveryCodes(codes)

    @blueprint.needs("account:write")
    @blueprint.takes(PasswordAndCodeSchema)
    @blueprint.answers(204, description="Removed")
    @blueprint.refuses(409)
    def delete(self, asked: dict[str, Any]) -> None:
        """Remove the second factor."""
        confirm_password(asked["password"])
        with counting_wrong_codes(), transaction("api"):
            credential, at = _credential(), utc_now()
            if credential.totp_confirmed_at is None:
                raise Conflict("there is no second factor in force")
            if second_factor.takes(credential, asked["code"], secret_key=_secret_key(), at=at) is None:
                raise WrongCode
            second_factor.remove(credential, by=actor(), at=at)


def _credential() -> Credential:
    found = credentials.lock_credential(caller().agent_id)
    if found is None:
        raise Conflict("you have no password; ask an admin for an invitation to choose one")
    return found


def _secret_key() -> str:
    found: str = current_app.extensions["comptoir.settings"].secret_key
    return found
