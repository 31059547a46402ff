"""A call: the line between Twilio and one device, with the program that runs on it.

A program is a generator: it yields what it waits for, and is resumed with the news. Only appointments of the exchange
resume it, never somebody else's program, so that no program is ever entered twice.
"""

from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from channels.sandbox.clock import Appointment
from channels.sandbox.courier import Request, Response
from channels.sandbox.devices import Device, shown_moment
from channels.sandbox.news import HungUp, Interruption, News, Nudge, Program, Wanted

if TYPE_CHECKING:
    from channels.sandbox.bridges import Bridge
    from channels.sandbox.conferences import Participant
    from channels.sandbox.exchange import Exchange

VERSION = "2010-04-01"
FINAL = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
EVENTS = {"initiated": "initiated", "ringing": "ringing", "in-progress": "answered"}  # CallStatus -> its event
ENDED = {  # how a call that nobody answered ended, in words for the device
    "busy": "busy",
    "failed": "failed",
    "no-answer": "nobody picked up",
    "canceled": "cancelled",
}


class Call:
    """One call. `device` is whose end the sandbox plays; `direction` is as Twilio names it."""

    def __init__(
        self,
        exchange: "Exchange",
        device: Device,
        *,
        sid: str,
        sender: str,
        recipient: str,
        direction: str,
        parent: "Call | None" = None,
        pace: float = 1.0,
    ) -> None:
        self.exchange = exchange
        self.device = device
        self.sid = sid
        self.sender = sender
        self.recipient = recipient
        self.direction = direction
        self.parent = parent
        self.pace = pace  # how many times faster than people words are said; waiting is as long as ever
        self.status = "queued"
        self.began_at: datetime = exchange.now()
        self.answered_at: datetime | None = None
        self.ended_at: datetime | None = None
        self.ended = ""  # how, in words for the device
        self.answered_by = ""
        self.machine_url = ""  # where to say whether a machine picked up, while the call goes on
        self.doing = ""
        self.callback_url = ""
        self.callback_method = "POST"
        self.callback_events: tuple[str, ...] = ("completed",)
        self.bridge: Bridge | None = None
        self.participant: Participant | None = None
        self.heard: list[str] = []  # every word of the desk's
        self.limit: Appointment | None = None  # when Twilio ends it
        self._told = 0  # status callbacks so far
        self._program: Program | None = None
        self._waits_for_answer = False
        self._ticket = 0
        self._timer: Appointment | None = None
        self._missed: list[Nudge] = []  # what came while an answer of the desk's was awaited
        device.calls.append(self)

    @property
    def is_over(self) -> bool:
        return self.ended_at is not None

    @property
    def is_incoming(self) -> bool:
        """Say whether the device was called."""
        return self.direction != "inbound"

    @property
    def other_end(self) -> str:
        return self.sender if self.is_incoming else self.recipient

    def run(self, program: Program) -> None:
        """Start the program, as soon as the exchange comes to it."""
        self._program = program
        self.exchange.soon(lambda: self._advance(lambda: next(program)))

    def deliver(self, news: News) -> None:
        """Bring the program news; without anybody to hear them they are lost."""
        self.exchange.soon(lambda: self._hear(news))

    def interrupt(self, interruption: Interruption, *, only_if: Callable[[], bool] = lambda: True) -> None:
        """Break in on the program, if that still makes sense when the exchange comes to it."""
        self.exchange.soon(lambda: self._break_in(interruption) if only_if() else None)

    def note(self, kind: str, text: str = "", **more: Any) -> None:
        """Write down on the device what is heard or done."""
        if kind == "said":
            self.heard.append(text)
        self.device.note(self.exchange.now(), self.sid, kind, text, **more)
        self.exchange.engine.changed()

    def move(self, status: str) -> None:
        """Go on to a status and tell whoever wants to know."""
        self.status = status
        if status == "in-progress" and self.answered_at is None:
            self.answered_at = self.exchange.now()
        if status in EVENTS:
            self.report(EVENTS[status])

    def end(self, status: str, ended: str) -> None:
        """Be over."""
        if self.is_over:
            return
        self.ended_at = self.exchange.now()
        self.ended = ended
        self.doing = ""
        self.status = status
        for appointment in (self._timer, self.limit):
            if appointment is not None:
                appointment.call_off()
        self.note("told", f"The call is over: {ended}.")
        self.report("completed")
        self.exchange.is_over(self)

    def report(self, event: str) -> None:
        """Tell the desk, if it wants to hear of the event."""
        if self.callback_url and event in self.callback_events:
            form = self.status_form()
            self._told += 1
            self.exchange.tell(Request(self.callback_url, form, self.callback_method), lane=f"status {self.sid}")

    def form(self) -> dict[str, str]:
        """Return what every request for TwiML says: https://www.twilio.com/docs/voice/twiml#request-parameters."""
        form = {
            "AccountSid": self.exchange.account_sid,
            "ApiVersion": VERSION,
            "CallSid": self.sid,
            "CallStatus": self.status,
            "Called": self.recipient,
            "Caller": self.sender,
            "Direction": self.direction,
            "From": self.sender,
            "To": self.recipient,
        }
        if self.parent is not None:
            form["ParentCallSid"] = self.parent.sid
        return form | ({"AnsweredBy": self.answered_by} if self.answered_by else {})

    def status_form(self) -> dict[str, str]:
        """Return what a status callback says; a span is told with the end only."""
        form = self.form() | {
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(self._told),
            "Timestamp": format_datetime(self.exchange.now()),
        }
        if self.is_over:
            seconds = self.seconds()
            form |= {"CallDuration": str(seconds), "Duration": str(-(-seconds // 60))}
            form |= {"SipResponseCode": {"busy": "486", "failed": "404", "no-answer": "480"}.get(self.status, "200")}
        return form

    def seconds(self) -> int:
        """Return how long people were on the line."""
        if self.answered_at is None or self.ended_at is None:
            return 0
        return max(1, round((self.ended_at - self.answered_at).total_seconds()))

    def shown(self) -> dict[str, Any]:
        """Return the call as its device sees it."""
        moments = {"began_at": self.began_at, "answered_at": self.answered_at, "ended_at": self.ended_at}
        return {
            "sid": self.sid,
            "with": self.other_end,
            "direction": "incoming" if self.is_incoming else "outgoing",
            "state": self._state(),
            "ended": self.ended,
            "doing": self.doing,
        } | {name: shown_moment(at) if at is not None else None for name, at in moments.items()}

    def _state(self) -> str:
        if self.is_over:
            return "ended"
        if self.answered_at is not None:
            return "talking"
        return "ringing" if self.is_incoming else "dialling"

    def _hear(self, news: News) -> None:
        program = self._program
        if program is None or self.is_over:
            return
        if self._waits_for_answer:
            if isinstance(news, Nudge):
                self._missed.append(news)
            return
        self._advance(lambda: program.send(news))

    def _break_in(self, interruption: Interruption) -> None:
        program = self._program
        if program is None or self.is_over:
            return
        self._waits_for_answer = False
        self._advance(lambda: program.throw(interruption))

    def _advance(self, step: Callable[[], Wanted]) -> None:
        if self.is_over:
            return
        self._ticket += 1
        if self._timer is not None:
            self._timer.call_off()
        try:
            wanted = step()
        except StopIteration:
            self._program = None
            self.end("completed", "they hung up")
        except HungUp as how:
            self._program = None
            self.end(*_how_it_ended(self, how))
        else:
            self._wait_for(wanted)

    def _wait_for(self, wanted: Wanted) -> None:
        ticket = self._ticket
        self._waits_for_answer = isinstance(wanted, Request)
        if isinstance(wanted, Request):
            self.exchange.ask(wanted, lambda answer: self._answered(ticket, answer), lane=self.sid)
        elif wanted is not None:
            self._timer = self.exchange.after(wanted, lambda: self._hear(Nudge.TIME_IS_UP))

    def _answered(self, ticket: int, answer: Response) -> None:
        program = self._program
        if ticket == self._ticket and program is not None and not self.is_over:
            self._waits_for_answer = False
            self._advance(lambda: program.send(answer))
            missed, self._missed = self._missed, []
            for news in missed:
                self.deliver(news)


def _how_it_ended(call: Call, how: HungUp) -> tuple[str, str]:
    words = {"device": "we hung up", "line": "line lost"}.get(how.by, "they hung up")
    if call.answered_at is not None or not call.is_incoming:
        return "completed", words
    return ("no-answer", "declined") if how.by == "device" else ("canceled", "cancelled")
