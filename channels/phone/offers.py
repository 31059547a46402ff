"""What a caller may have instead of waiting, and the keys for it. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class Choice(StrEnum):
    """What a caller asks for by a key."""

    CALLBACK = "callback"
    VOICEMAIL = "voicemail"
    TEXT = "text"


class Out(StrEnum):
    """Why a caller is not in the line, or not to be for longer."""

    CLOSED = "closed"
    FULL = "full"  # more wait already than shall
    LONG = "long"  # they have waited for as long as anybody shall


KEYS = {"1": Choice.CALLBACK, "2": Choice.VOICEMAIL, "3": Choice.TEXT}


@dataclass(frozen=True)
class Offers:
    """What is offered to one caller."""

    callback: bool = False
    voicemail: bool = False
    text: bool = False

    def chosen(self, key: str) -> Choice | None:
        """Return what a key asks for; None where that is not offered."""
        choice = KEYS.get(key)
        offered = {Choice.CALLBACK: self.callback, Choice.VOICEMAIL: self.voicemail, Choice.TEXT: self.text}
        return choice if choice is not None and offered[choice] else None
