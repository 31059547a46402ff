"""Lay a reply out as a letter: what was written, the inbox's signature, and what it answers. Pure.

None of what is added is kept with the message, and all of it is such that an answer which quotes it splits cleanly.
"""

from collections.abc import Callable
from dataclasses import dataclass

from channels.email import history, markdown
from channels.email.html import with_remote_pictures
from channels.protocol import Outgoing
from ticketing.placeholders import fill

SIGNATURE_MARK = "-- "  # RFC 3676, 4.3


@dataclass(frozen=True)
class Letter:
    """A letter in the two forms in which it goes out."""

    text: str
    html: str


def letter(outgoing: Outgoing) -> Letter:
    """Return the whole letter. HTML that was given is taken as it is, else it is made from the text's Markdown."""
    return Letter(_text(outgoing), _html(outgoing))


def _text(outgoing: Outgoing) -> str:
    signature = _signature(outgoing)
    parts = [
        outgoing.text.strip("\n"),
        f"{SIGNATURE_MARK}\n{signature}" if signature else "",
        history.as_text(outgoing.history, outgoing.language),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _html(outgoing: Outgoing) -> str:
    signature = markdown.to_html(_signature(outgoing, markdown.literally))
    parts = [
        _body(outgoing).strip(),
        f"<p>-- <br></p>\n{signature.strip()}" if signature else "",
        history.as_html(outgoing.history, outgoing.language),
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _signature(outgoing: Outgoing, spelled: Callable[[str], str] = str) -> str:
    """Return the signature, filled in; where no agent wrote, who the mail is from stands for the agent."""
    values = {name: spelled(value) for name, value in outgoing.values.items()}
    return fill(outgoing.signature, values, stand_ins={"agent.name": spelled(outgoing.sender_name)}).strip()


def _body(outgoing: Outgoing) -> str:
    if outgoing.html:
        return with_remote_pictures(outgoing.html)  # those that the agent put into it
    # What a machine sends may repeat a stranger's name or subject: no link that they wrote is dressed up by us.
    return markdown.as_typed(outgoing.text) if outgoing.automatic else markdown.to_html(outgoing.text)
