"""What Twilio posts to us: a form, signed. Shared by SMS and phone.

How the signature is made: https://www.twilio.com/docs/usage/security.
"""

from collections.abc import Iterator
from urllib.parse import parse_qs, parse_qsl, urlsplit

from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict

from channels.errors import InvalidSignature, MalformedPayload
from channels.protocol import RawItem
from config.settings import Settings
from ticketing.storable import storable

FORM = "application/x-www-form-urlencoded"
MAX_FIELDS = 300  # Twilio sends some forty
MAX_ID = 64  # a SID has 34 characters


def verify(item: RawItem, settings: Settings, auth_token: str) -> None:
    """Raise InvalidSignature unless Twilio signed this very request for one of our addresses."""
    signature = item.headers.get("x-twilio-signature", "")
    validator = RequestValidator(auth_token)
    try:
        signed = _signed_part(item)
        if signature and any(validator.validate(url, signed, signature) for url in _addresses(item, settings)):
            return
    except (ValueError, UnicodeEncodeError):  # an address that is none, words that are no text: not Twilio's
        pass
    raise InvalidSignature("the request does not carry Twilio's signature for this address")


def read_form(item: RawItem) -> dict[str, str]:
    """Return the form's fields; of a repeated one the first counts. Raises MalformedPayload.

    NUL characters, which PostgreSQL cannot keep in text, become the replacement character.
    """
    if not _is_form(item):
        raise MalformedPayload(f"Twilio sends forms, this is {item.content_type[:80] or 'something else'}")
    fields: dict[str, str] = {}
    for name, value in _fields(item):
        fields.setdefault(name, storable(value))
    return fields


def required(form: dict[str, str], *names: str) -> list[str]:
    """Return the values of fields that must be there, and short. Raises MalformedPayload."""
    values = [form.get(name, "").strip() for name in names]
    for name, value in zip(names, values, strict=True):
        if not value:
            raise MalformedPayload(f"the form lacks {name}")
        if len(value) > MAX_ID:
            raise MalformedPayload(f"{name} is longer than {MAX_ID} characters")
    return values


def in_address(item: RawItem, name: str) -> str:
    """Return what we wrote into the query of the address that Twilio calls back; "" if it is not there."""
    values = parse_qs(urlsplit(item.url).query, max_num_fields=MAX_FIELDS).get(name, [""])
    return storable(values[0])


def message_in_address(item: RawItem) -> int | None:
    """Return our message's id from the address of a callback; None if it is not there."""
    number = in_address(item, "message")
    return int(number) if number.isascii() and number.isdecimal() and len(number) <= 18 else None


def _addresses(item: RawItem, settings: Settings) -> Iterator[str]:
    """Yield the addresses for which the signature may have been made.

    Without a COMPTOIR_PUBLIC_URL we cannot know by which name a tunnel or a proxy reaches us, so the name that the
    caller used will do, as it came or as a proxy says that it came: whoever can sign for it has the token.
    """
    yield settings.public_url + item.url
    if settings.public_url_is_given:
        return
    for host in filter(None, (item.meta.get("host"), item.meta.get("forwarded_host"))):
        yield f"https://{host}{item.url}"
        yield f"http://{host}{item.url}"


def _signed_part(item: RawItem) -> MultiDict[str, str] | str:
    """Return what a signature covers beside the address: a form's fields, or a body by the digest in the address."""
    if _is_form(item):
        return MultiDict(_fields(item, InvalidSignature))
    # The SDK's validator raises TypeError on a body whose digest is not in the address.
    if not parse_qs(urlsplit(item.url).query, max_num_fields=MAX_FIELDS).get("bodySHA256"):
        raise InvalidSignature("a body that is no form, without its digest in the address")
    return item.body.decode("utf-8", "replace")


def _is_form(item: RawItem) -> bool:
    return not item.body or item.content_type.partition(";")[0].strip().lower() in {FORM, ""}


def _fields(item: RawItem, trouble: type[Exception] = MalformedPayload) -> list[tuple[str, str]]:
    try:
        text = item.body.decode("utf-8", "replace")
        return parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise trouble(f"the form has more than {MAX_FIELDS} fields") from None
