"""Signed names by which an answer finds its ticket."""

import pytest

from channels.email.mime import parse
from channels.email.reply_address import (
    hints,
    kept_id,
    new_message_id,
    plus_address,
    signed_ids,
    ticket_of,
    ticket_of_address,
)

KEY = "a" * 64


def test_our_message_id_names_its_ticket_and_stays_the_same():
    message_id = new_message_id(12, 34, "shop.example", KEY)

    assert message_id == new_message_id(12, 34, "shop.example", KEY)
    assert ticket_of(message_id, KEY) == 12


def test_our_message_id_names_its_message_too():
    message_id = new_message_id(12, 34, "shop.example", KEY)

    assert signed_ids(message_id, KEY) == (12, 34)
    assert signed_ids(message_id.replace("m34", "m35"), KEY) is None


def test_our_address_names_its_ticket_even_in_capitals():
    address = plus_address("support@shop.example", 12, KEY)

    assert address.startswith("support+t12.")
    assert address.endswith("@shop.example")
    assert ticket_of_address(address.upper(), KEY) == 12


SIGNED = new_message_id(12, 34, "shop.example", KEY)
FORGED = {
    "another ticket": SIGNED.replace("t12", "t13"),
    "another message": SIGNED.replace("m34", "m35"),
    "another key": new_message_id(12, 34, "shop.example", "b" * 64),
    "no signature": "<t12.m34@shop.example>",
    "somebody's": "<abc@home.example>",
    "nothing": "",
}


@pytest.mark.parametrize("message_id", FORGED.values(), ids=FORGED.keys())
def test_a_forged_message_id_names_no_ticket(message_id):
    assert ticket_of(message_id, KEY) is None


@pytest.mark.parametrize("address", ["support@shop.example", "support+t12.0123456789abcdef@shop.example", "t12", ""])
def test_a_forged_address_names_no_ticket(address):
    assert ticket_of_address(address, KEY) is None


def test_hints_put_proof_apart_from_what_can_be_guessed():
    raw = (
        f"From: ann@home.example\r\nTo: Shop <{plus_address('support@shop.example', 9, KEY)}>\r\n"
        f"In-Reply-To: {SIGNED}\r\nReferences: <one@home.example> <two@home.example> {SIGNED}\r\n"
        "Subject: Re: [#77] Printer [#78]\r\n\r\nHi"
    )

    found = hints(parse(raw.encode()), KEY)

    assert found.ticket_ids == (12, 9)
    assert found.message_ids == (SIGNED, "<two@home.example>", "<one@home.example>")
    assert found.subject_ticket_ids == (77, 78)


def test_the_envelope_recipient_counts_where_the_header_hides_it():
    found = hints(parse(b"From: a@b.example\r\n\r\nHi"), KEY, recipients=[plus_address("support@shop.example", 9, KEY)])

    assert found.ticket_ids == (9,)


def test_hints_are_capped():
    references = " ".join(f"<{number}@home.example>" for number in range(200))

    found = hints(parse(f"References: {references}\r\n\r\nHi".encode()), KEY)

    assert len(found.message_ids) == 50
    assert found.message_ids[0] == "<199@home.example>"


ADDRESSES = {
    "alone": "{}",
    "in angle brackets": "Shop <{}>",
    "after a comma": "ann@home.example,{}",
    "before a comma": "{},ann@home.example",
    "after very much": "a," * 5_000 + "{}",
    "in quotes": '"{}" <ann@home.example>',
}


@pytest.mark.parametrize("written", ADDRESSES.values(), ids=ADDRESSES.keys())
def test_our_address_is_found_wherever_it_stands(written):
    to = written.format(plus_address("support@shop.example", 9, KEY))

    assert hints(parse(f"To: {to}\r\n\r\nHi".encode()), KEY).ticket_ids == (9,)


IDS = {
    "usual": ("<1@home.example>", "<1@home.example>"),
    "with a NUL": ("<1\x00@home.example>", "<1@home.example>"),
    "with half a character": ("<1\ud800@home.example>", "<1\ufffd@home.example>"),
    "just short enough": (f"<{'a' * 178}>", f"<{'a' * 178}>"),
}


@pytest.mark.parametrize(("written", "kept"), IDS.values(), ids=IDS.keys())
def test_an_id_is_kept_as_it_was_where_that_can_be(written, kept):
    assert kept_id(written) == kept


def test_a_long_id_is_kept_as_its_digest():
    kept = kept_id(f"<{'長' * 950}@home.example>")

    assert kept == kept_id(f"<{'長' * 950}@home.example>") != kept_id(f"<{'長' * 951}@home.example>")
    assert kept.endswith("@long.invalid>")
    assert len(kept) < 100
