"""What an agent writes in Markdown, said in plain words where nothing shows Markdown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.markdown import MAX_MARKDOWN, to_plain

SAID = {
    "emphasis is dropped": ("It is **really** _fixed_, `now`.", "It is really fixed, now."),
    "a link tells where it leads": (
        "See [our page](https://desk.example/a).",
        "See our page (https://desk.example/a).",
    ),
    "a link that is its own address": ("See <https://desk.example/a_b>.", "See https://desk.example/a_b."),
    "a link to a number or an address": ("[Call](tel:+15145550123) **us**", "Call (+15145550123) us"),
    "an address in the text": (
        "**Here**: https://desk.example/a_b_c?x=*1*.",
        "Here: https://desk.example/a_b_c?x=*1*.",
    ),
    "lists have dashes": ("Bring:\n* a kettle\n* tea\n  * green", "Bring:\n- a kettle\n- tea\n  - green"),
    "numbers stay": ("First:\n\n3. fill\n4. **boil**", "First:\n\n3. fill\n4. boil"),
    "headings are lines": ("# Your kettle\nIt leaks.\n\nWe are sorry.", "Your kettle\nIt leaks.\n\nWe are sorry."),
    "quotes stay quotes": ("> It *leaks*.\n\nSince when?", "> It leaks.\n\nSince when?"),
    "programs are words": ("Type:\n```\nkettle --off\n```", "Type:\nkettle --off"),
    "tables are rows": ("| a | b |\n|---|---|\n| 1 | **2** |", "a | b\n1 | 2"),
    "what was struck out stays so": ("~~10~~ **8** dollars", "~~10~~ 8 dollars"),
    "a picture is its words": ("![The lid](https://desk.example/lid.png)", "The lid (https://desk.example/lid.png)"),
    "what was escaped": (r"2 \* 3 &lt; 7", "2 * 3 < 7"),
}
TO_THE_LETTER = (
    "Dial *123# or 2 * 3 * 4, in snake_case_words.",
    "  Two blanks,\n\n\nthree lines, and a tab\there. ",
    "See https://desk.example/a_b_c?x=*1* (or write).",
    "1) or #1, -1, +1 and <b>bold</b> & co.",
    "Price: 5 € ~ 6 €\r\nThanks",
)


@pytest.mark.parametrize(("typed", "said"), SAID.values(), ids=SAID)
def test_markdown_is_said_in_plain_words(typed: str, said: str) -> None:
    assert to_plain(typed) == said


@pytest.mark.parametrize("text", TO_THE_LETTER)
def test_plain_text_stays_to_the_letter(text: str) -> None:
    assert to_plain(text) == text


@given(st.text(alphabet="ab *_`#>-[]()!\\~|\n1.", max_size=60))
def test_words_are_never_lost(text: str) -> None:
    said = to_plain(text)

    assert bool(said.strip()) == bool(text.strip())
    assert sum(said.count(letter) for letter in "ab") == sum(text.count(letter) for letter in "ab")


def test_what_is_too_long_to_be_read_stays_as_it_is() -> None:
    text = "**a** " * MAX_MARKDOWN

    assert to_plain(text) == text
