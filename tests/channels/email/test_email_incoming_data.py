"""Where a mail ends, however its bytes come in: at CR LF . CR LF, and nowhere else."""

from contextlib import closing
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.incoming_data import KEPT_IN_MEMORY, HiddenMail, IncomingData

PIECES = st.sampled_from([b"\r\n", b".", b"\r", b"\n", b"..", b"words", b"\xff\x00", b"MAIL", b" "])


def stuffed(mail: bytes) -> bytes:
    """Return a mail as a client sends it (RFC 5321, 4.5.2)."""
    lines = mail.split(b"\r\n")
    return b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines) + b".\r\n"


@given(pieces=st.lists(PIECES), cuts=st.lists(st.integers(0, 200)), behind=st.sampled_from([b"", b"QUIT\r\n", b"."]))
def test_a_mail_comes_out_as_it_went_in_however_it_was_cut(pieces: list[bytes], cuts: list[int], behind: bytes) -> None:
    mail = b"".join([*pieces, b"\r\n"])
    wire = stuffed(mail) + behind
    marks = sorted({0, len(wire), *(cut for cut in cuts if cut < len(wire))})
    with closing(IncomingData()) as data:
        rest = None
        for start, end in pairwise(marks):
            rest = data.feed(wire[start:end]) if rest is None else rest + wire[start:end]

        assert rest == behind
        assert data.kept == len(stuffed(mail)) - 3
        assert data.content() == mail


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n"])
def test_a_careless_end_is_none_and_what_is_hidden_behind_it_is_refused(end: bytes) -> None:
    with closing(IncomingData()) as innocent, closing(IncomingData()) as hiding:
        assert innocent.feed(b"Subject: dots" + end + b"and more words\r\n") is None
        assert hiding.feed(b"Subject: x" + end + b"mail FROM:<boss@desk.example>\r\n") is None

        assert (innocent.feed(b".\r\n"), hiding.feed(b".\r\n")) == (b"", b"")
        assert b"more words" in innocent.content()
        with pytest.raises(HiddenMail):
            hiding.content()


def test_a_mail_may_speak_of_smtp() -> None:
    transcript = b"Look:\r\n.\r\nMAIL FROM:<lucie@home.example>\r\n"

    with closing(IncomingData()) as data:
        assert data.feed(stuffed(transcript)) == b""

        assert data.content() == transcript


def test_a_mail_that_is_thrown_away_is_still_read_to_its_end() -> None:
    data = IncomingData()
    data.feed(b"x" * KEPT_IN_MEMORY * 2 + b"\r\n")
    data.close()

    assert data.feed(b"more\r\n", keep=False) is None
    assert data.feed(b".\r\nQUIT\r\n", keep=False) == b"QUIT\r\n"


def test_what_was_thrown_away_takes_no_room_and_is_given_back_once() -> None:
    data = IncomingData()
    data.feed(b"x" * 80)
    assert data.taken == 80

    data.close()
    data.feed(b"x" * 80, keep=False)

    assert data.taken == 0
