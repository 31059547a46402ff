"""What a call's program waits for, what reaches it while it waits, and what breaks in on it."""

from collections.abc import Generator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from channels.sandbox.courier import Request, Response

if TYPE_CHECKING:
    from channels.sandbox.bridges import Bridge

# A program yields the seconds for which it waits at most (None: for ever), or a request whose answer it wants.
Wanted = float | Request | None


class Nudge(StrEnum):
    """Something that others have done."""

    TIME_IS_UP = "time is up"
    PICKED_UP = "picked up"
    DECLINED = "declined"
    CHANGED = "changed"  # look again at what you take part in


@dataclass(frozen=True)
class Key:
    """A key was pressed on the device."""

    digit: str


@dataclass(frozen=True)
class Words:
    """Somebody spoke into the device."""

    text: str


News = Nudge | Key | Words | Response
Program = Generator[Wanted, News, None]
Listening = Generator[Wanted, News, News | None]


@dataclass(frozen=True)
class Target:
    """A document to follow: at an address, or written out."""

    url: str = ""
    method: str = "POST"
    document: str = ""
    fallback_url: str = ""


class Interruption(Exception):
    """Something that ends what a program is at."""


class Redirected(Interruption):
    """The desk sends the call elsewhere by the REST API."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.target = target


class HungUp(Interruption):
    """The call is over. `by`: "device", "desk" or "line", which was lost."""

    def __init__(self, by: str) -> None:
        super().__init__(by)
        self.by = by


class Dequeued(Interruption):
    """Somebody takes the caller out of the queue. `url` is heard first; a target leads elsewhere instead."""

    def __init__(self, bridge: "Bridge", url: str = "", method: str = "POST") -> None:
        super().__init__(bridge)
        self.bridge = bridge
        self.url = url
        self.method = method


class LeftQueue(Exception):
    """The waiting document says <Leave>."""


class GoOn(Exception):
    """A verb leads to another document."""

    def __init__(self, target: Target, form: dict[str, str]) -> None:
        super().__init__(target)
        self.target = target
        self.form = form


class ApplicationError(Exception):
    """The desk's document cannot be had or followed; `code` is Twilio's error."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(f"{code}: {words}")
        self.code = code
