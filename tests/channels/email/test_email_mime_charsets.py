"""The bytes of a text, in the charset that they declare, in another, and in none."""

import base64

import pytest

from channels.email.charsets import decode, known
from channels.email.mime import parse
from tests.channels.email.raw_mails import mail

BODIES = {  # (content type, transfer encoding, bytes, text)
    "UTF-8": ("text/plain; charset=utf-8", "8bit", "Größe".encode(), "Größe"),
    "Latin-1": ("text/plain; charset=iso-8859-1", "8bit", "Größe".encode("latin-1"), "Größe"),
    "Windows quotes called Latin-1": ("text/plain; charset=iso-8859-1", "8bit", b"\x93Hi\x94", "“Hi”"),
    "no charset": ("text/plain", "8bit", "Größe".encode("latin-1"), "Größe"),
    "unknown charset": ("text/plain; charset=x-martian", "8bit", "Größe".encode(), "Größe"),
    "a charset that is a codec": ("text/plain; charset=zip", "8bit", b"Hi", "Hi"),
    "quoted-printable": ("text/plain; charset=utf-8", "quoted-printable", b"Gr=C3=B6=\r\n=C3=9Fe", "Größe"),
    "base64": ("text/plain; charset=utf-8", "base64", base64.b64encode("Größe".encode()), "Größe"),
    "base64 with a footer": ("text/plain", "base64", b"SGk=\r\n-- \r\na list", "Hi"),
    "one broken byte": ("text/plain; charset=utf-8", "8bit", "Größe".encode() + b"\xff", "Größe�"),
    "HTML only": ("text/html; charset=utf-8", "8bit", "<p>Größe</p>".encode(), "Größe"),
    "HTML that says its own charset": ("text/html", "8bit", b'<meta charset="koi8-r"><p>\xf0\xf2\xe9</p>', "ПРИ"),
    "a NUL": ("text/plain", "8bit", b"H\x00i", "Hi"),
    "words called base64": ("text/plain", "base64", b"It is broken, again", "It is broken, again"),
    "nonsense type": ("plain", "8bit", b"Hi", "Hi"),
}


@pytest.mark.parametrize(("content_type", "encoding", "body", "text"), BODIES.values(), ids=BODIES.keys())
def test_a_body_reads_as_it_was_meant(content_type, encoding, body, text):
    raw = mail(body, content_type=content_type, content_transfer_encoding=encoding)

    assert parse(raw).text.strip() == text


NAMES = {
    "latin1": "cp1252",
    "ISO_8859-1:1987": "cp1252",
    "iso-8859-8-i": "iso8859-8",
    "8859-15": "iso8859-15",
    "windows1251": "cp1251",
    "x-cp1250": "cp1250",
    "ms932": "cp932",
    "ANSI_X3.4-1968": "",
    "GB2312": "gb18030",
    "gb_2312-80": "gb18030",
    "KS_C_5601-1987": "cp949",
    "x-windows-949": "cp949",
    "Big5": "cp950",
    "x-sjis": "cp932",
    "macintosh": "mac-roman",
    "charset=utf-8": "utf-8",
    "unknown-8bit": "",
    "x-user-defined": "",
    "zip": "",
    "punycode": "",
    "": "",
}


@pytest.mark.parametrize(("declared", "codec"), NAMES.items())
def test_a_charset_is_known_by_the_names_that_mailers_use(declared, codec):
    assert known(declared) == codec


RUSSIAN = "Здравствуйте, у меня не работает принтер, который я купил вчера."
JAPANESE = "こんにちは。昨日買ったプリンタが動きません。"
UNDECLARED = {
    "utf-8": JAPANESE,
    "cp1252": "Der Drücker ist übermäßig groß – schön wär’s",
    "cp1251": RUSSIAN,
    "koi8-r": RUSSIAN,
    "cp866": RUSSIAN,
    "cp1253": "Καλημέρα σας, ο εκτυπωτής μου δεν λειτουργεί από χθες.",
    "cp1255": "שלום, המדפסת שלי לא עובדת מאתמול. תודה רבה על העזרה",
    "cp1256": "مرحبا، طابعتي لا تعمل منذ أمس. شكرا جزيلا على المساعدة",
    "gb18030": "你好，我昨天买的打印机不能工作了，请问怎么办？谢谢。",
    "cp950": "您好，我昨天買的印表機不能用了，請問該怎麼辦？謝謝。",
    "euc-jp": JAPANESE,
    "cp932": JAPANESE,
    "iso-2022-jp": JAPANESE,
    "cp949": "안녕하세요. 어제 구입한 프린터가 작동하지 않습니다.",
}


@pytest.mark.parametrize("declared", ["", "us-ascii", "utf-8", "x-martian"])
@pytest.mark.parametrize(("charset", "text"), UNDECLARED.items())
def test_a_charset_that_is_not_declared_is_guessed(charset, text, declared):
    assert decode(text.encode(charset), declared) == text


@pytest.mark.parametrize("charset", [charset for charset in UNDECLARED if charset != "utf-8"])
def test_utf_8_is_utf_8_whatever_was_declared(charset):
    assert decode(JAPANESE.encode(), charset) == JAPANESE


WRITTEN = {
    "UTF-16 without a mark, as Windows writes it": ("utf-16", "Hi there".encode("utf-16-le"), "Hi there"),
    "UTF-16 without a mark, as the standard wants it": ("utf-16", "Hi there".encode("utf-16-be"), "Hi there"),
    "ASCII called UTF-16": ("utf-16", b"Hi there", "Hi there"),
    "a byte order mark": ("iso-8859-1", b"\xef\xbb\xbfHi", "Hi"),
    "UTF-7": ("utf-7", b"Dr+APw-cker", "Drücker"),
    "HZ": ("hz-gb-2312", b"~{VPND~}", "中文"),
    "Windows' signs in ISO-2022-JP": ("iso-2022-jp", b"\x1b$B-!-j\x1b(B and \x1b(I14\x1b(B", "①㈱ and ｱｴ"),
    "ISO-2022-JP that forgets to end": ("iso-2022-jp", b"\x1b$B-!\nASCII", "①\nASCII"),
    "Windows' signs in EUC-JP": ("euc-jp", b"\xad\xa1", "①"),
    "Hong Kong's signs in Big5": ("big5", b"\x87\x40", "䏰"),
}


@pytest.mark.parametrize(("declared", "raw", "text"), WRITTEN.values(), ids=WRITTEN.keys())
def test_charsets_are_read_as_mailers_write_them(declared, raw, text):
    assert decode(raw, declared) == text
