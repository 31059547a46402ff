"""Tokens by which an agent's browser is a phone: Twilio's Voice SDK registers with one, and rings.

https://www.twilio.com/docs/iam/access-tokens#create-an-access-token-for-voice. The desk calls; the browser cannot call
anybody by itself.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import VoiceGrant

from config.settings import TwilioAccount
from ticketing.errors import Conflict

LIFETIME = timedelta(hours=1)


class NoSoftphones(Conflict):
    """This desk cannot make a browser a phone."""

    code = "no_softphones"


@dataclass(frozen=True)
class PhoneToken:
    """A token, under which name the browser is rung, and until when it is good."""

    token: str
    identity: str
    expires_at: datetime


def phone_token(agent_id: int, account: TwilioAccount | None, *, at: datetime) -> PhoneToken:
    """Return a token for an agent's browser. Raises NoSoftphones."""
    if account is None or not account.api_key_sid:
        raise NoSoftphones("no browser can be a phone here: TWILIO_API_KEY_SID and TWILIO_API_KEY_SECRET are not set")
    identity, seconds = f"agent-{agent_id}", int(LIFETIME.total_seconds())
    token = AccessToken(
        account.account_sid, account.api_key_sid, account.api_key_secret, identity=identity, ttl=seconds
    )
    token.add_grant(VoiceGrant(incoming_allow=True))
    return PhoneToken(token.to_jwt(), identity, at + LIFETIME)
