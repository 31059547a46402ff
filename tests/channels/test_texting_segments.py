"""Text messages are counted in parts as operators bill them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.texting.segments import BASIC, EXTENSION, Encoding, count

GSM, UCS = Encoding.GSM_7, Encoding.UCS_2


@pytest.mark.parametrize(
    ("text", "encoding", "segments", "units", "left"),
    [
        ("", GSM, 1, 0, 160),
        ("a" * 160, GSM, 1, 160, 0),
        ("a" * 161, GSM, 2, 161, 145),
        ("a" * 306, GSM, 2, 306, 0),
        ("a" * 307, GSM, 3, 307, 152),
        ("€" * 80, GSM, 1, 160, 0),
        ("€" * 81, GSM, 2, 162, 153 - 10),  # 76 of two septets in the first part, for the 153rd takes no half
        ("a" * 152 + "€" + "b" * 20, GSM, 2, 174, 153 - 22),  # the € goes over as a whole
        ("Ça coûte 5 €, à Noël", UCS, 1, 20, 50),  # û and ë
        ("à é è ù ò ì Ç Ñ ñ ß ¿ ¡ Δ", GSM, 1, 25, 135),
        ("ç", UCS, 1, 1, 69),  # small, unlike Ç
        ("’" * 70, UCS, 1, 70, 0),
        ("’" * 71, UCS, 2, 71, 63),
        ("😀" * 35, UCS, 1, 70, 0),
        ("😀" * 36, UCS, 2, 72, 67 - 6),  # 33 pairs in the first part: 67 is odd
        ("line\r\nline", GSM, 1, 9, 151),
    ],
)
def test_the_parts_of_a_text(text: str, encoding: Encoding, segments: int, units: int, left: int) -> None:
    counted = count(text)

    assert (counted.encoding, counted.segments, counted.units, counted.units_left) == (encoding, segments, units, left)


def test_the_characters_that_make_it_dear_are_named_once() -> None:
    assert count("It’s “fine” 😀😀").because_of == ("’", "“", "”", "😀")
    assert count("fine").because_of == ()


def test_the_tables_are_those_of_the_standard() -> None:
    assert (len(BASIC), len(EXTENSION)) == (127, 10)  # 128 with the escape itself
    assert not BASIC & EXTENSION


@given(st.text(max_size=400))
def test_parts_hold_what_they_have_to_and_no_more_than_they_can(text: str) -> None:
    counted = count(text)
    alone, together = (160, 153) if counted.encoding is GSM else (70, 67)

    room = alone if counted.segments == 1 else counted.segments * together
    assert counted.units <= room
    if counted.segments > 1:  # each but the last is filled, save for what cannot be torn apart
        assert counted.units > alone
        assert counted.units > (counted.segments - 1) * (together - 1)
