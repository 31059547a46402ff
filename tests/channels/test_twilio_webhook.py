"""Only what Twilio signed for one of our addresses gets in, and garbage costs a refusal, never an error of ours."""

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels import twilio_webhook
from channels.errors import InvalidSignature, MalformedPayload
from channels.protocol import RawItem
from config.settings import Settings
from tests.channels import twilio_forms
from tests.conftest import NOON
from ticketing.envelope import Channel

PATH = "/inbound/twilio/sms"


def genuine(settings: Settings, url: str = PATH, **fields: str) -> RawItem:
    return twilio_forms.item(settings, Channel.SMS, "message", url, twilio_forms.text(**fields))


def accepts(item: RawItem, settings: Settings) -> bool:
    assert settings.twilio is not None
    try:
        twilio_webhook.verify(item, settings, settings.twilio.auth_token)
    except InvalidSignature:
        return False
    return True


def signed_for(address: str, settings: Settings, *, host: str) -> RawItem:
    """An item that came to `host`, signed for another address perhaps."""
    item = genuine(settings)
    signature = twilio_forms.sign(settings, address, twilio_forms.text())
    return replace(item, headers={"x-twilio-signature": signature}, meta={"host": host})


def test_what_twilio_signed_is_accepted(base_settings: Settings) -> None:
    assert accepts(genuine(base_settings), base_settings)
    assert accepts(genuine(base_settings, f"{PATH}?message=7&note=a%20b+c"), base_settings)
    assert accepts(genuine(base_settings, Body="", Extra="Ünïcode & more = less"), base_settings)


@pytest.mark.parametrize("port", ["", ":80"])
def test_a_standard_port_may_be_signed_or_not(base_settings: Settings, port: str) -> None:
    item = signed_for(f"http://desk.example{port}{PATH}", base_settings, host="desk.example")

    assert accepts(item, base_settings)


@pytest.mark.parametrize(
    "address",
    [f"http://elsewhere.example{PATH}", f"https://desk.example{PATH}", "http://desk.example/inbound/twilio/voice"],
    ids=["another host", "another scheme", "another path"],
)
def test_a_signature_for_another_address_is_refused(base_settings: Settings, address: str) -> None:
    assert not accepts(signed_for(address, base_settings, host="elsewhere.example"), base_settings)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_without_a_public_url_the_address_that_the_caller_used_will_do(base_settings: Settings, scheme: str) -> None:
    settings = replace(base_settings, public_url="http://127.0.0.1:8000", public_url_is_given=False)
    item = signed_for(f"{scheme}://tunnel.example{PATH}", settings, host="tunnel.example")

    assert accepts(item, settings)
    assert not accepts(item, replace(settings, public_url_is_given=True))


@pytest.mark.parametrize("signature", ["", "nonsense", "é\x80", "=" * 28, "a" * 400])
def test_a_wrong_signature_is_refused(base_settings: Settings, signature: str) -> None:
    assert not accepts(replace(genuine(base_settings), headers={"x-twilio-signature": signature}), base_settings)


def test_another_accounts_signature_is_refused(base_settings: Settings) -> None:
    with pytest.raises(InvalidSignature):
        twilio_webhook.verify(genuine(base_settings), base_settings, "another token")


def test_a_changed_query_is_refused(base_settings: Settings) -> None:
    item = genuine(base_settings, f"{PATH}?message=7")

    assert not accepts(replace(item, url=f"{PATH}?message=8"), base_settings)


def test_a_repeated_field_is_signed_once_per_value(base_settings: Settings) -> None:
    item = genuine(base_settings)
    twice = replace(item, body=item.body + b"&Body=Hello")
    other = replace(item, body=item.body + b"&Body=Bonjour")

    assert accepts(twice, base_settings)
    assert not accepts(other, base_settings)


def test_a_body_that_is_no_form_needs_its_digest_in_the_address(base_settings: Settings) -> None:
    body = b'{"hello": "there"}'
    url = f"{PATH}?bodySHA256={hashlib.sha256(body).hexdigest()}"
    headers = {"x-twilio-signature": twilio_forms.sign(base_settings, url, {})}
    item = RawItem(Channel.SMS, "message", body, NOON, "application/json", url, headers)

    assert accepts(item, base_settings)
    assert not accepts(replace(item, body=b'{"hello": "here"}'), base_settings)
    assert not accepts(replace(item, url=PATH), base_settings)
    with pytest.raises(MalformedPayload):
        twilio_webhook.read_form(item)


def test_a_form_of_a_thousand_fields_is_refused(base_settings: Settings) -> None:
    body = "&".join(f"f{n}=1" for n in range(1000)).encode()

    assert not accepts(replace(genuine(base_settings), body=body), base_settings)


def test_nul_characters_cannot_reach_the_store(base_settings: Settings) -> None:
    form = twilio_webhook.read_form(genuine(base_settings, Body="a\x00b"))

    assert form["Body"] == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("message=7", 7),
        ("", None),
        ("message=", None),
        ("message=-7", None),
        ("message=७", None),
        ("message=" + "9" * 30, None),
    ],
)
def test_our_message_is_named_in_the_address(base_settings: Settings, query: str, expected: int | None) -> None:
    assert twilio_webhook.message_in_address(genuine(base_settings, f"{PATH}?{query}")) == expected


@given(
    body=st.binary(max_size=200),
    url=st.text(st.characters(max_codepoint=255), max_size=60),
    signature=st.text(st.characters(max_codepoint=255), max_size=40),
    content_type=st.sampled_from(["", twilio_forms.FORM, "application/json", "multipart/form-data", "ø;;"]),
    host=st.text(st.characters(max_codepoint=255), max_size=20),
)
def test_garbage_is_refused_and_nothing_else(
    base_settings: Settings, body: bytes, url: str, signature: str, content_type: str, host: str
) -> None:
    settings = replace(base_settings, public_url_is_given=False)
    headers = {"x-twilio-signature": signature}
    item = RawItem(Channel.SMS, "message", body, NOON, content_type, "/" + url, headers, {"host": host})

    assert not accepts(item, settings)
