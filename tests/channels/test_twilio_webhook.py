"""Only what Twilio signed for one of our addresses gets in, and garbage costs a refusal, never an error of ours."""

import hashlib
from dataclasses import replace
from urllib.parse import urlencode

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


# Published by Twilio: https://www.twilio.com/docs/usage/security and the tests of its SDKs for Python, Ruby, Go, C#.
QUERY = "/myapp.php?foo=1&bar=2"
CALLED = {"CallSid": "CA1234567890ABCDE", "Digits": "1234", "To": "+18005551212"}
BY_SDK = CALLED | {"Caller": "+14158675309", "From": "+14158675309"}
BY_DOCS = CALLED | {"Caller": "+14158675310", "From": "+14158675310"}
ROOM = BY_SDK | {"ReasonConferenceEnded": "test", "Reason": "Participant"}  # names of which one begins another
CAPTURED = {  # a call as it really came in, with empty fields
    "ToState": "California",
    "CalledState": "California",
    "Direction": "inbound",
    "FromState": "CA",
    "AccountSid": "ACba8bc05eacf94afdae398e642c9cc32d",
    "Caller": "+14153595711",
    "CallerZip": "94108",
    "CallerCountry": "US",
    "From": "+14153595711",
    "FromCity": "SAN FRANCISCO",
    "CallerCity": "SAN FRANCISCO",
    "To": "+14157669926",
    "FromZip": "94108",
    "FromCountry": "US",
    "ToCity": "",
    "CallStatus": "ringing",
    "CalledCity": "",
    "CallerState": "CA",
    "CalledZip": "",
    "ToZip": "",
    "ToCountry": "US",
    "CallSid": "CA136d09cd59a3c0ec8dbff44da5c03f31",
    "CalledCountry": "US",
    "Called": "+14157669926",
    "ApiVersion": "2010-04-01",
    "ApplicationSid": "AP44efecad51364e80b133bb7c07eb8204",
}
TWICE = "Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234"
JSON = '{"property": "value", "boolean": true}'
DIGEST = "bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
VECTORS = [  # where we are, what is asked for, the body, the signature
    ("https://mycompany.com", QUERY, urlencode(BY_SDK), "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
    ("https://example.com", QUERY, urlencode(BY_DOCS), "L/OH5YylLD5NRKLltdqwSvS0BnU="),
    ("https://mycompany.com", QUERY, urlencode(ROOM), "vOEb5UThFn24KEfnOFLQY2AE5FY="),
    ("http://mycompany.com", QUERY, urlencode(ROOM), "n2xBNyzSW7rfYStDtOFiFMv7qNo="),
    ("https://mycompany.com", QUERY, TWICE, "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
    ("https://mycompany.com", QUERY, TWICE + "&Digits=1234", "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
    ("https://mycompany.com", QUERY, "property=value&boolean=true", "NBdBDr/T/lgjI+tlgpXjKZQZs/k="),
    ("https://mycompany.com:1234", QUERY, urlencode(BY_SDK), "RSOYDt4T1cUTdK1PDd93/VVr8B8="),  # signed without it
    ("http://mycompany.com:1234", QUERY, urlencode(BY_SDK), "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),  # signed with it
    ("https://mycompany.com", QUERY, urlencode(BY_SDK), "kvajT1Ptam85bY51eRf/AJRuM3w="),  # signed with 443
    ("http://mycompany.com", QUERY, urlencode(BY_SDK), "0ZXoZLH/DfblKGATFgpif+LLRf4="),  # signed with 80
    ("https://user:pass@mycompany.com", QUERY, urlencode(BY_SDK), "CukzLTc1tT5dXEDIHm/tKBanW10="),
    ("https://user@mycompany.com", QUERY, urlencode(BY_SDK), "2YRLlVAflCqxaNicjMpJcSTgzSs="),
    ("https://user:pass@mycompany.com", QUERY, urlencode(BY_SDK), "ZQFR1PTIZXF2MXB8ZnKCvnnA+rI="),  # with 443
    ("https://mycompany.com", f"{QUERY}&{DIGEST}", JSON, "a9nBmqA0ju/hNViExpshrM61xv4="),
    ("https://mycompany.com", f"/myapp.php?{DIGEST}", JSON, "y77kIzt2vzLz71DgmJGsen2scGs="),
]


def published(base: str, url: str, body: str, signature: str, settings: Settings) -> tuple[RawItem, Settings]:
    kind = "application/json" if body == JSON else twilio_forms.FORM
    item = RawItem(Channel.SMS, "message", body.encode(), NOON, kind, url, {"x-twilio-signature": signature})
    return item, replace(settings, public_url=base, public_url_is_given=True)


@pytest.mark.parametrize(("base", "url", "body", "signature"), VECTORS)
def test_every_published_vector_is_right_and_nothing_near_it(
    base_settings: Settings, base: str, url: str, body: str, signature: str
) -> None:
    item, settings = published(base, url, body, signature, base_settings)
    twilio_webhook.verify(item, settings, "12345")

    for forged in (
        replace(item, body=item.body + (b" " if body == JSON else b"&Body=x")),
        replace(item, body=item.body[:-1] + b"x"),
        replace(item, url=f"{url}&more=1"),
        replace(item, url=url.replace("myapp", "yourapp")),
        replace(item, headers={"x-twilio-signature": signature.swapcase()}),
    ):
        with pytest.raises(InvalidSignature):
            twilio_webhook.verify(forged, settings, "12345")
    with pytest.raises(InvalidSignature):
        twilio_webhook.verify(item, settings, "54321")
    with pytest.raises(InvalidSignature):
        twilio_webhook.verify(item, replace(settings, public_url="https://elsewhere.com"), "12345")


def test_the_call_that_twilio_captured_for_its_sdk_is_genuine(base_settings: Settings) -> None:
    body = urlencode(CAPTURED)
    signed = ("http://twiliotests.heroku.com", "/validate/voice", body, "oVb2kXoVy8GEfwBDjR8bk/ZZ6eA=")
    item, settings = published(*signed, base_settings)

    twilio_webhook.verify(item, settings, "2bd9e9638872de601313dc77410d3b23")


@pytest.mark.parametrize(
    ("base", "url", "body", "signature"),
    [
        ("https://mycompany.com", QUERY, JSON, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),  # a body without its digest
        ("https://mycompany.com", QUERY, urlencode(ROOM), "95+Bu0JVPi0r/SsESZCVf0dWAjw="),  # sorted by mistake
        ("https://mycompany.com", QUERY, urlencode(BY_SDK), "NOTRSOYDt4T1cUTdK1PDd93/VVr8B8="),
    ],
)
def test_what_twilio_publishes_as_wrong_is_refused(
    base_settings: Settings, base: str, url: str, body: str, signature: str
) -> None:
    item, settings = published(base, url, body, signature, base_settings)

    with pytest.raises(InvalidSignature):
        twilio_webhook.verify(item, settings, "12345")


def test_behind_a_proxy_its_word_for_the_name_will_do_where_no_name_is_given(base_settings: Settings) -> None:
    settings = replace(base_settings, public_url="http://127.0.0.1:8000", public_url_is_given=False)
    item = signed_for(f"https://tunnel.example{PATH}", settings, host="127.0.0.1:8000")
    told = replace(item, meta={"host": "127.0.0.1:8000", "forwarded_host": "tunnel.example"})

    assert accepts(told, settings)
    assert not accepts(item, settings)
    assert not accepts(told, replace(settings, public_url_is_given=True))


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
