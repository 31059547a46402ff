"""Words are cut, folded and shown in the original, whatever the script."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.errors import InvalidInput
from ticketing.search.excerpts import LONGEST_EXCERPT, Marker
from ticketing.search.question import MAX_WORDS, understand
from ticketing.search.words import LETTERS, Word, folded, words_of, words_wanted

SAYINGS = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=12), min_size=1, max_size=8
).map(" ".join)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The kettle leaks!", ["the", "kettle", "leaks"]),
        ("Zoë KRÄMER-Łoś", ["zoe", "kramer", "łos"]),
        ("Straße ﬁn İzmir", ["strasse", "fin", "izmir"]),
        ("Ὀδυσσεύς", ["οδυσσευσ"]),
        ("Ёлка", ["елка"]),
        ("l'eau snake_case 1,5", ["l", "eau", "snake", "case", "1", "5"]),
        ("soft\u00adhyphen zero\u200bwidth", ["softhyphen", "zerowidth"]),
        ("東京都 abc", ["東京", "京都", "都", "abc"]),
        ("iPhone修理", ["iphone", "修理", "理"]),
        ("❤️ ?!", []),
        ("x" * 70, ["x" * 64]),
    ],
)
def test_a_text_is_cut_into_folded_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_what_is_wanted_of_a_run_is_its_pairs() -> None:
    assert words_wanted("東京都") == [Word("東京"), Word("京都")]
    assert words_wanted("京") == [Word("京", goes_on=True)]


@given(SAYINGS)
def test_every_word_of_a_text_is_wanted_as_it_is_kept(text: str) -> None:
    kept = words_of(text)

    for word in words_wanted(text):
        assert any(one.startswith(word.text) if word.goes_on else one == word.text for one in kept)


@given(SAYINGS)
def test_a_mark_covers_what_became_the_word_and_nothing_else(text: str) -> None:
    compared = folded(text)
    for start in range(len(compared.text)):
        first, last = compared.range_of(start, start + 1)

        assert compared.text[start] in "".join(LETTERS[ord(char)] for char in text[first:last])
        assert first < last <= len(text)


@given(SAYINGS)
def test_whatever_a_text_says_is_marked_in_it(text: str) -> None:
    for word in {one for one in text.split() if words_of(one)}:
        quoted = word.replace('"', " ").lstrip("-")
        if not words_of(quoted):
            continue
        excerpt = Marker(understand(f'"{quoted}"')).excerpt(text)

        assert excerpt is not None
        start, end = excerpt.marks[0]
        assert set(words_of(quoted)) & set(words_of(excerpt.text[start:end]))


@pytest.mark.parametrize(
    ("asked", "text", "marked"),
    [
        ("strasse ", "Hauptstraße, Straße 5", ["Straße"]),
        ("fin ", "ﬁn finish", ["ﬁn"]),
        ("izmir ", "von İzmir", ["İzmir"]),
        ("cafe ", "un cafe\u0301, vite", ["cafe\u0301"]),
        ("leak", "It leaks; leakage, but no oleak", ["leaks", "leakage"]),
        ("leak ", "It leaks; a leak", ["leak"]),
        ('"kettle leaks"', "leaks: the kettle, leaks", ["kettle, leaks"]),
        ("京都", "東京都です", ["京都"]),
        ("東京都", "東京都です", ["東京都"]),
        ("ring", "a 🫖 ring", ["ring"]),
    ],
)
def test_marks_stand_in_the_original(asked: str, text: str, marked: list[str]) -> None:
    excerpt = Marker(understand(asked)).excerpt(text)

    assert excerpt is not None
    assert [excerpt.text[start:end] for start, end in excerpt.marks] == marked


def test_an_excerpt_of_a_long_text_is_short_and_has_the_word() -> None:
    excerpt = Marker(understand("kettle ")).excerpt("word " * 1000 + "kettle" + " word" * 1000)

    assert excerpt is not None
    assert len(excerpt.text) <= LONGEST_EXCERPT
    assert [excerpt.text[start:end] for start, end in excerpt.marks] == ["kettle"]


def test_a_phrase_asks_for_the_letter_at_which_a_run_ends() -> None:
    for said in ("東京0", "東京 都", "都 0", "a東京都b", "東京 "):
        (term,) = understand(f'"{said}"').terms

        row = " ".join(words_of(said))
        assert row.startswith(" ".join(word.text for word in term.words)), said


def test_addresses_and_numbers_are_recognised() -> None:
    assert understand("#17").ticket_only
    assert understand("17").ticket == 17
    assert understand("+1 514 555").addresses == ("1514555",)
    assert understand("00491234").addresses == ("491234",)
    assert understand("karim@home.ex kettle").addresses == ("karim@home.ex",)
    assert understand("karim").addresses == ()


@pytest.mark.parametrize("asked", ["", "-", '""', '"', "-kettle", "!?* ()", '-"a b" -c', "\u200b"])
def test_a_question_without_words_is_refused(asked: str) -> None:
    with pytest.raises(InvalidInput):
        understand(asked)


def test_too_many_words_are_refused() -> None:
    with pytest.raises(InvalidInput, match=str(MAX_WORDS)):
        understand("a " * (MAX_WORDS + 1))
