"""The lines above a mail: subjects and people, in every encoding and in none."""

import pytest

from channels.email.addresses import Address
from channels.email.mime import parse
from tests.channels.email.raw_mails import mail

SUBJECTS = {
    "plain": ("Printer", "Printer"),
    "base64": ("=?utf-8?B?RHLDvGNrZXI=?=", "Drücker"),
    "quoted-printable": ("=?iso-8859-1?Q?Dr=FCcker_kaputt?=", "Drücker kaputt"),
    "two words make one text": ("=?utf-8?Q?Dr=C3=BC?= =?utf-8?Q?cker?=", "Drücker"),
    "a character cut in two": ("=?utf-8?B?RHLD?= =?utf-8?B?vGNrZXI=?=", "Drücker"),
    "blanks inside the word": ("=?utf-8?Q?Dr=C3=BCcker ist kaputt?=", "Drücker ist kaputt"),
    "a question mark inside": ("=?utf-8?Q?Wo ist er??=", "Wo ist er?"),
    "missing padding": ("=?utf-8?B?RHLDvGNrZXI?=", "Drücker"),
    "an unknown charset": ("=?x-martian?Q?Printer?=", "Printer"),
    "raw UTF-8": ("Drücker", "Drücker"),
    "UTF-8 that says Latin-1": ("=?iso-8859-1?Q?Dr=C3=BCcker?=", "Drücker"),
    "folded": ("Printer\r\n is broken", "Printer is broken"),
    "Japanese": ("=?iso-2022-jp?B?GyRCJVclaiVzJT8bKEI=?=", "プリンタ"),
    "two charsets": ("=?utf-8?Q?Dr=C3=BC?= =?iso-8859-1?Q?ck=E9?=", "Drücké"),
    "no blank between the words": ("=?utf-8?Q?Dr=C3=BC?==?utf-8?B?Y2tlcg==?=", "Drücker"),
    "words among words": (
        "Re: =?utf-8?Q?Dr=C3=BCcker?= ist (=?utf-8?Q?wirklich?=) aus",
        "Re: Drücker ist (wirklich) aus",
    ),
    "a language": ("=?utf-8*de?Q?Dr=C3=BCcker?=", "Drücker"),
    "signs that only Windows has": ("=?iso-2022-jp?B?GyRCLSEbKEI=?=", "①"),
    "GBK called GB2312": ("=?gb2312?B?6kA=?=", "闌"),
    "Korean": ("=?ks_c_5601-1987?B?x8G4sMXN?=", "프린터"),
    "not a word": ("=?utf-8?Q?unfinished", "=?utf-8?Q?unfinished"),
}


@pytest.mark.parametrize(("written", "read"), SUBJECTS.values(), ids=SUBJECTS.keys())
def test_a_subject_reads_as_it_was_meant(written, read):
    assert parse(mail(subject=written)).subject == read


PEOPLE = {
    "name and address": ("Ann Lee <ann@home.example>", [("Ann Lee", "ann@home.example")]),
    "quoted comma": ('"Lee, Ann" <ann@home.example>', [("Lee, Ann", "ann@home.example")]),
    "unquoted comma": ("Lee, Ann <ann@home.example>", [("Lee, Ann", "ann@home.example")]),
    "bare": ("ann@home.example", [("", "ann@home.example")]),
    "comment": ("ann@home.example (Ann Lee)", [("Ann Lee", "ann@home.example")]),
    "encoded": ("=?utf-8?Q?Ann_L=C3=A9e?= <ann@home.example>", [("Ann Lée", "ann@home.example")]),
    "all encoded": ("=?utf-8?Q?Ann_=3Cann=40home.example=3E?=", [("Ann", "ann@home.example")]),
    "two": ("Ann <ann@home.example>, bob@home.example", [("Ann", "ann@home.example"), ("", "bob@home.example")]),
    "semicolons": ("ann@home.example; bob@home.example", [("", "ann@home.example"), ("", "bob@home.example")]),
    "a group": ("Friends: ann@home.example, bob@home.example;", [("", "ann@home.example"), ("", "bob@home.example")]),
    "an empty group": ("undisclosed-recipients:;", []),
    "no closing bracket": ("Ann <ann@home.example", [("Ann", "ann@home.example")]),
    "no comma": (
        "Ann <ann@home.example> Bob <bob@home.example>",
        [("Ann", "ann@home.example"), ("Bob", "bob@home.example")],
    ),
    "no brackets": ("Ann Lee ann@home.example", [("Ann Lee", "ann@home.example")]),
    "a quoted local part": ('"Ann Lee"@home.example>', [("", '"Ann Lee"@home.example')]),
    "a blank in the local part stays": ("Ann <ann lee@home.example>", [("Ann", "ann lee@home.example")]),
    "blanks where they mean nothing": ("Ann <ann . lee@ home.example >", [("Ann", "ann.lee@home.example")]),
    "a source route": ("<@relay.example:ann@home.example>", [("", "ann@home.example")]),
    "mailto": ("Ann <mailto:ann@home.example>", [("Ann", "ann@home.example")]),
    "quotes around all": ('"ann@home.example"', [("", "ann@home.example")]),
    "escaped quotes": (r'"Ann \"the boss\" Lee" <ann@home.example>', [('Ann "the boss" Lee', "ann@home.example")]),
    "address as name": ('"ann@home.example" <ann@home.example>', [("ann@home.example", "ann@home.example")]),
}


@pytest.mark.parametrize(("written", "people"), PEOPLE.values(), ids=PEOPLE.keys())
def test_people_are_found(written, people):
    assert parse(mail(to=written)).to == tuple(Address(*one) for one in people)


def test_raw_bytes_in_a_header_are_read_by_the_charset_of_the_text():
    raw = mail(b"hi", subject="SUBJECT", content_type="text/plain; charset=koi8-r")

    assert parse(raw.replace(b"SUBJECT", "Принтер".encode("koi8-r"))).subject == "Принтер"
    assert parse(raw.replace(b"SUBJECT", "Принтер".encode())).subject == "Принтер"


def test_raw_bytes_in_a_header_need_no_charset_where_they_look_like_one():
    assert parse(b"Subject: Gr\xf6\xdfe\n\nhi").subject == "Größe"


def test_a_line_that_is_no_header_hides_none_after_it():
    read = parse(b"From: ann@home.example\nnonsense\nmore of it\nSubject: Kettle\nnothing but words\nand words\n")

    assert (read.subject, read.text.startswith("nothing but words")) == ("Kettle", True)
