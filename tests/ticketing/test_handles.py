"""One person's address is one handle, however it is written."""

import pytest

from ticketing.envelope import HandleKind
from ticketing.errors import InvalidHandle
from ticketing.handles import fold


@pytest.mark.parametrize(
    ("kind", "written", "kept"),
    [
        pytest.param(HandleKind.EMAIL, " Lucie@Home.Example ", "lucie@home.example", id="a mail address in capitals"),
        pytest.param(
            HandleKind.EMAIL, "jürgen@bücher.example", "jürgen@bücher.example", id="a mail address beyond ASCII"
        ),
        pytest.param(HandleKind.PHONE, "+1 (514) 555-0123", "+15145550123", id="a number with blanks and brackets"),
        pytest.param(HandleKind.PHONE, "+49 30 901820", "+4930901820", id="a German number"),
        pytest.param(HandleKind.PHONE, "40404", "40404", id="a short code"),
    ],
)
def test_a_handle_is_folded(kind: HandleKind, written: str, kept: str) -> None:
    assert fold(kind, written) == kept


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        (HandleKind.EMAIL, "nobody"),
        (HandleKind.EMAIL, "a b@c.example"),
        (HandleKind.EMAIL, "a@b.example\nBcc: c@d.example"),
        (HandleKind.EMAIL, "x" * 250 + "@a.example"),
        (HandleKind.PHONE, "514 555 0123"),
        (HandleKind.PHONE, "+1234"),
        (HandleKind.PHONE, ""),
        (HandleKind.VISITOR, ""),
    ],
)
def test_nonsense_is_refused(kind: HandleKind, written: str) -> None:
    with pytest.raises(InvalidHandle):
        fold(kind, written)
