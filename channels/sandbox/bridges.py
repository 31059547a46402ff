"""Two calls that hear each other."""

from typing import TYPE_CHECKING

from channels.sandbox.news import Key, Nudge, Program

if TYPE_CHECKING:
    from channels.sandbox.calls import Call


class Bridge:
    """Joins two calls, once both are there, until one of them leaves."""

    def __init__(self, first: "Call", second: "Call") -> None:
        self.calls = (first, second)
        self.is_open = True

    def close(self) -> None:
        """Let the other one go too."""
        if self.is_open:
            self.is_open = False
            for call in self.calls:
                call.bridge = None
                call.doing = ""
                call.deliver(Nudge.CHANGED)

    def hear(self, speaker: "Call", words: str) -> None:
        """Let the other one hear what one says."""
        for call in self.calls:
            if call is not speaker:
                call.note("heard", words, **{"from": speaker.device.address})

    def talk(self, call: "Call", *, star_ends: bool = False, seconds: float | None = None) -> Program:
        """Stay on the line, as one of the two, until it is over."""
        call.bridge, call.doing = self, "talking"
        until = call.exchange.after_seconds(seconds) if seconds else None
        try:
            while self.is_open:
                news = yield None if until is None else call.exchange.seconds_to(until)
                if (star_ends and news == Key("*")) or (until is not None and news is Nudge.TIME_IS_UP):
                    return
        finally:
            self.close()
