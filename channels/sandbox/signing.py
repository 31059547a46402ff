"""Sign requests as Twilio signs its own: https://www.twilio.com/docs/usage/security (read 2026-11-21)."""

from collections.abc import Mapping

from twilio.request_validator import RequestValidator


def signed(url: str, form: Mapping[str, str], auth_token: str) -> dict[str, str]:
    """Return the headers of a signed webhook."""
    signature = RequestValidator(auth_token).compute_signature(url, dict(form))
    return {"X-Twilio-Signature": signature, "User-Agent": "TwilioProxy/1.1 (sandbox)"}
