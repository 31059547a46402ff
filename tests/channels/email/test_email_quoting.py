"""What is new in a mail, and what it only repeats."""

import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.quoting import is_forward, split_reply
from channels.email.reply_marker import MARKERS, marker
from tests.channels.email.mail_programs import ATTRIBUTIONS, FORWARDS, HEADERS, LETTERS, PHONES, WITHOUT_A_VERB

WORDS = "It works now, thank you."


@pytest.mark.parametrize("program", ATTRIBUTIONS)
def test_the_words_above_an_attribution_are_new(program):
    attribution = ATTRIBUTIONS[program].replace("|", "\n")

    for gap in ("\n", "\n\n"):
        below = f"{attribution}{gap}> Have you tried it?\n> Yours, Support\n"
        reply, quoted = split_reply(f"{WORDS}\n\n{below}")
        assert (reply, quoted.split()) == (WORDS, below.split())


@pytest.mark.parametrize("program", sorted(ATTRIBUTIONS.keys() - WITHOUT_A_VERB))
def test_an_attribution_needs_no_quote_marks_below_it(program):
    attribution = ATTRIBUTIONS[program].replace("|", "\n")

    assert split_reply(f"{WORDS}\n\n{attribution}\n\nHave you tried it?\nYours, Support\n")[0] == WORDS


@pytest.mark.parametrize("program", ATTRIBUTIONS)
def test_the_words_below_a_quote_are_new(program):
    attribution = ATTRIBUTIONS[program].replace("|", "\n")

    assert split_reply(f"{attribution}\n> Have you tried it?\n\n{WORDS}\n")[0] == WORDS


@pytest.mark.parametrize("program", HEADERS)
def test_the_words_above_an_older_mails_headers_are_new(program):
    for author in ("Support <help@shop.example>", "Support"):
        below = f"{HEADERS[program].format(author)}\n\nHello, have you tried it?\n"
        reply, quoted = split_reply(f"{WORDS}\n\n{below}")
        assert (reply, quoted.split()) == (WORDS, below.split())


@pytest.mark.parametrize("program", FORWARDS)
def test_a_forwarded_mail_is_new_with_all_that_is_in_it(program):
    passed_on = f"{FORWARDS[program]}\nFrom: Bob <bob@home.example>\nSubject: Offer\nTo: Ann\n\nHi,\n> no\n-- \nBob"

    assert split_reply(passed_on) == (passed_on, "")
    assert split_reply(f"Is this true?\n\n{passed_on}") == (f"Is this true?\n\n{passed_on}", "")


def test_a_subject_says_that_outlook_forwards():
    mail = f"Is this true?\n\n{HEADERS['outlook, de'].format('Bob')}\n\nCheap printers"

    forwarded = [is_forward(subject) for subject in ("WG: Offer", "Fwd: Offer", "轉寄: Offer", "Re: FW: Offer", "Wage")]

    assert forwarded == [True, True, True, False, False]
    assert split_reply(mail, forwarded=True) == (mail, "")
    assert split_reply(mail)[0] == "Is this true?"


def test_what_was_forwarded_in_an_older_mail_is_old():
    mail = f"Thanks.\n\nOn 3 Nov 2026, Bob <bob@home.example> wrote:\n\n{FORWARDS['gmail, en']}\nFrom: Eve"

    assert split_reply(mail)[0] == "Thanks."


@pytest.mark.parametrize("line", PHONES)
def test_what_a_phone_writes_is_not_new(line):
    assert split_reply(f"{WORDS}\n\n{line}\n") == (WORDS, line)


@pytest.mark.parametrize("line", LETTERS)
def test_what_was_sent_by_post_is_not_a_phones_line(line):
    assert split_reply(f"{WORDS}\n\n{line}") == (f"{WORDS}\n\n{line}", "")


ENDS = {  # what else may stand below the new words
    "quotes only": "> Have you tried it?\n> Yours, Support\n",
    "signature": "-- \nAnn Smith\n+44 20 7946 0000\n",
    "a list's footer": "_______________________\nusers mailing list\nhttps://lists.shop.example/users\n",
    "quotes with initials": "JD> Have you tried it?\nJD> Yours\n",
    "broken quotes": f"On 3.11.26, Bob <b@home.example> wrote:\n> {'word ' * 15}and\nmore\n> of it\n",
}


@pytest.mark.parametrize("below", ENDS.values(), ids=ENDS.keys())
def test_the_new_words_stand_alone(below):
    reply, quoted = split_reply(f"{WORDS}\n\n{below}")

    assert reply == WORDS
    assert quoted.split() == below.split()


@pytest.mark.parametrize("language", [*MARKERS, "zh-TW", "nn", "pt-BR", "xx", ""])
def test_our_own_line_ends_the_new_words_in_every_language(language):
    line = marker(language)

    for below in (f"{line}\nHave you tried it?\nYours\n", f"> {line}\n> Have you tried it?\n"):
        assert split_reply(f"{WORDS}\n{below}")[0] == WORDS
    assert len(line) <= 70  # mail programs wrap longer ones


def test_a_heading_is_no_line_of_ours():
    assert split_reply("## Steps to see it ##\nPress it.") == ("## Steps to see it ##\nPress it.", "")


KEPT_WHOLE = {  # mails in which nothing is old
    "a journey": "From: Paris\nTo: London\nDate: 3 May\n\nTwo seats please.",
    "somebody once wrote": "Yesterday I wrote:\nhello, and nobody answered.",
    "a forwarded mail": "From: Bob <bob@shop.example>\nSent: Monday\nTo: Ann\nSubject: Offer\n\nCheap printers",
    "a divider far above the end": "Point one\n---\n" + "\n".join(f"line {n}" for n in range(20)),
    "a form": "New message:\n=================\nName: Ann\n-----------------\nIt drips.",
    "a table": "| model | year |\n| X200 | 2026 |",
    "a comparison": "x>5 is where it breaks\nand y>6 too",
    "an order form": "Name: Ann\nDate: 3 May\nTo: my office, please",
    "a time with a colon": "It broke on 3.11.2026 at 9:14, with this:\nError 17",
    "markers in a sentence": "It says -- and I quote -- that > is greater.",
}


@pytest.mark.parametrize("text", KEPT_WHOLE.values(), ids=KEPT_WHOLE.keys())
def test_what_only_looks_old_is_kept(text):
    assert split_reply(text) == (text, "")


def test_an_answer_below_the_quote_is_found():
    text = "On 3 Nov 2026, Support <help@shop.example> wrote:\n> Which model?\n\nThe X200."

    assert split_reply(text) == (
        "The X200.",
        "On 3 Nov 2026, Support <help@shop.example> wrote:\n> Which model?",
    )


def test_answers_between_quotes_keep_the_questions():
    asked = "Hi,\nOn 3 Nov 2026 Support <help@shop.example> wrote:\n> Which model?\n"
    text = f"{asked}The X200.\n> Since when?\nMonday, it broke."

    reply, quoted = split_reply(text)

    assert reply.endswith("> Which model?\nThe X200.\n> Since when?\nMonday, it broke.")
    assert quoted.startswith("On 3 Nov 2026")


def test_a_mail_that_only_repeats_has_no_new_words():
    assert split_reply("> one\n> two") == ("", "> one\n> two")


LINES = st.sampled_from(
    [
        *(line for below in (*ATTRIBUTIONS.values(), *HEADERS.values()) for line in below.split("\n")),
        *FORWARDS.values(),
        *("words", "", "  ", "--", "> quote", "___", "Sent from my iPhone", MARKERS["en"]),
    ]
)


@given(st.one_of(st.text(), st.lists(LINES, max_size=30).map("\n".join)))
def test_nothing_is_lost_but_blanks(text):
    reply, quoted = split_reply(text)

    assert Counter("".join((reply + quoted).split())) == Counter("".join(text.split()))


HOSTILE = {
    "one long line": "On " + "x " * 50_000 + "wrote:",
    "many attributions": "hello\nOn 1.1.2026 a@b.example wrote:\n> x\n" * 20_000,
    "many rules": "---\nx\n" * 100_000,
    "many headers": "From: a@b.example\n" * 50_000,
    "many empty lines": "\n" * 500_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_takes_little_time(text):
    started = time.process_time()

    split_reply(text)

    assert time.process_time() - started < 2
