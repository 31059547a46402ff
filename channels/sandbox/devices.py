"""The devices at the far ends: customers' telephones and agents' softphones, and what is heard and done on them."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from channels.sandbox.calls import Call

KEPT = 500  # items and messages a device
SHOWN_AFTER_THE_END = timedelta(minutes=1)


class Answers(StrEnum):
    """What a device does when it is called."""

    BY_HAND = "by hand"  # rings until somebody picks up or declines
    ITSELF = "itself"  # picks up, listens to the end, hangs up
    NEVER = "never"
    BUSY = "busy"
    DECLINES = "declines"
    FAILS = "fails"  # there is no such number
    MAILBOX = "mailbox"  # a machine picks up


MAGIC = {  # numbers whose manner cannot be chosen: the last four digits are the SIP answer that a telephone gives
    "+15005551404": Answers.FAILS,
    "+15005551480": Answers.NEVER,
    "+15005551486": Answers.BUSY,
    "+15005551603": Answers.DECLINES,
    "+15005551200": Answers.MAILBOX,
}


def kind_of(address: str) -> str:
    scheme = address.partition(":")[0]
    return scheme if scheme in ("client", "sip") else "number"


@dataclass
class Item:
    """Something heard or done on a device, at a moment."""

    n: int
    at: datetime
    call: str
    kind: str
    text: str = ""
    more: dict[str, Any] = field(default_factory=dict)

    def shown(self) -> dict[str, Any]:
        return {
            "n": self.n,
            "at": shown_moment(self.at),
            "call": self.call,
            "kind": self.kind,
            "text": self.text,
        } | self.more


@dataclass
class Text:
    """A text message as its device has it."""

    n: int
    at: datetime
    sid: str
    direction: str  # "in" or "out", as the device sees it
    sender: str
    recipient: str
    body: str
    state: str
    media: list[dict[str, str]]

    def shown(self) -> dict[str, Any]:
        return {
            "n": self.n,
            "at": shown_moment(self.at),
            "sid": self.sid,
            "direction": self.direction,
            "from": self.sender,
            "to": self.recipient,
            "body": self.body,
            "state": self.state,
            "media": self.media,
        }


class Device:
    """A telephone, a softphone or whatever else has an address."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.kind = kind_of(address)
        self.answers = MAGIC.get(address, Answers.ITSELF if self.kind == "number" else Answers.FAILS)
        self.calls: deque[Call] = deque(maxlen=KEPT)
        self.items: deque[Item] = deque(maxlen=KEPT)
        self.texts: deque[Text] = deque(maxlen=KEPT)
        self._n = 0

    def note(self, at: datetime, call: str, kind: str, text: str = "", **more: Any) -> None:
        """Write down what is heard or done."""
        self.items.append(Item(self.next_number(), at, call, kind, text, more))

    @property
    def newest(self) -> int:
        """Return the number of the newest thing on it."""
        return self._n

    def next_number(self) -> int:
        self._n += 1
        return self._n

    def shown(self, *, after: int, now: datetime, speed: float) -> dict[str, Any]:
        """Return the device, with what is newer than `after`."""
        return {
            "address": self.address,
            "kind": self.kind,
            "answers": self.answers.value,
            "now": shown_moment(now),
            "speed": speed,
            "calls": [call.shown() for call in self.current_calls(now)],
            "items": [item.shown() for item in self.items if item.n > after],
            "messages": [text.shown() for text in self.texts if text.n > after],
            "next": self._n,
        }

    def has_news(self, after: int) -> bool:
        return self._n > after

    def current_calls(self, now: datetime) -> "Iterator[Call]":
        """Yield the calls under way, and those that have just ended."""
        for call in self.calls:
            if call.ended_at is None or now - call.ended_at < SHOWN_AFTER_THE_END:
                yield call


def shown_moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
