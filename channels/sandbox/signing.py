"""Sign requests as Twilio signs its own: https://www.twilio.com/docs/usage/security."""

from collections.abc import Mapping

from twilio.request_validator import RequestValidator

from config.settings import Settings


def signed(url: str, form: Mapping[str, str], auth_token: str) -> dict[str, str]:
    """Return the headers of a signed webhook."""
    signature = RequestValidator(auth_token).compute_signature(url, dict(form))
    return {"X-Twilio-Signature": signature, "User-Agent": "TwilioProxy/1.1 (sandbox)"}


def reached(url: str, settings: Settings) -> str:
    """Return where this machine reaches an address of the desk, whose public one may lead through the world."""
    below = url.removeprefix(settings.public_url)
    return settings.local_url + below if below.startswith("/") and below != url else url
