"""Where somebody stands in the stream: the id of a Server-Sent Event, from which a listener resumes."""

import re
from typing import NamedTuple

LARGEST = 2**64 - 1
WRITTEN = re.compile(r"([0-9a-f]{1,16})-([0-9]{1,20})-([0-9]{1,20})")
COARSE = 10_000  # milliseconds


class Position(NamedTuple):
    """Behind which entry of the stream; Redis makes its ids of the milliseconds since 1970 and a number."""

    ms: int
    number: int

    @property
    def redis_id(self) -> str:
        return f"{self.ms}-{self.number}"

    @property
    def coarsely(self) -> "Position":
        """Return one a little before, which tells nobody when something happened that is none of their business."""
        return before(self.ms - self.ms % COARSE)


START = Position(0, 0)


class Resumed(NamedTuple):
    """From where somebody wants to go on; a position means nothing in another epoch."""

    epoch: str
    position: Position


def of_redis(redis_id: bytes) -> Position:
    """Return the position of an entry."""
    ms, _, number = redis_id.partition(b"-")
    return Position(int(ms), int(number))


def before(ms: int) -> Position:
    """Return the position before everything of this millisecond."""
    return Position(ms - 1, LARGEST) if ms > 0 else START


def written(epoch: str, position: Position) -> str:
    """Return a position as the id of an event."""
    return f"{epoch}-{position.ms}-{position.number}"


def read(text: str) -> Resumed | None:
    """Return the position that a client names; None if it is none of ours."""
    found = WRITTEN.fullmatch(text)
    if found is None:
        return None
    epoch, ms, number = found.groups()
    if int(ms) > LARGEST or int(number) > LARGEST:
        return None
    return Resumed(epoch, Position(int(ms), int(number)))
