"""A caller's telephone, for `comptoir simulate call`: a device of the sandbox, played through its doors."""

from collections.abc import Callable
from typing import Any

from channels.sandbox.desk import Desk, DeskTrouble, device_path

PACE = 20  # nobody listens in real time
BETWEEN_LOOKS = 0.5  # seconds

Narrate = Callable[[str], None]


class Telephone:
    """One call from `caller` to `ours`; `narrate` is told what happens, in plain words.

    `keys` are pressed one at a time, each when the desk has said something to which a key may be an answer. `patience`
    is for how many seconds the caller waits for a person.
    """

    def __init__(
        self,
        desk: Desk,
        *,
        caller: str,
        ours: str,
        voicemail: str = "",
        keys: str = "",
        patience: float = 10.0,
        narrate: Narrate,
    ) -> None:
        self._desk = desk
        self._device = device_path(caller)
        self._caller, self._ours = caller, ours
        self._voicemail = voicemail
        self._keys = list(keys)
        self._patience = patience
        self._narrate = narrate
        self._seen = 0
        self._may_answer = False
        self.call_sid = ""

    def call(self) -> None:
        """Ring, listen, press keys, speak, hang up. Raises DeskTrouble."""
        self._narrate(f"{_named(self._caller)} calls {self._ours}.")
        self._seen = int(self._desk.sandbox(f"{self._device}?after=1000000000")["next"])
        call = self._desk.sandbox(f"{self._device}/calls", {"to": self._ours, "pace": PACE})
        self.call_sid = str(call["sid"])
        waited = 0.0
        while call["state"] != "ended":
            self._desk.let_time_pass(BETWEEN_LOOKS)
            call = self._look()
            if call["doing"] == "recording":
                self._leave_word()
            elif call["doing"] in ("keys", "waiting") and self._keys and self._may_answer:
                self._may_answer = False
                self._do("keys", {"digits": self._keys.pop(0)})
            elif call["doing"] in ("keys", "waiting", "talking"):
                waited += BETWEEN_LOOKS
                if waited >= self._patience:
                    self._narrate("The caller has no more patience.")
                    self._do("end", {})
        self._narrate("The call is over.")

    def _look(self) -> dict[str, Any]:
        """Tell what is new, and return the call as it is now."""
        device = self._desk.sandbox(f"{self._device}?after={self._seen}")
        self._seen = int(device["next"])
        for item in device["items"]:
            if item["call"] == self.call_sid:
                self._tell(item)
        for call in device["calls"]:
            if call["sid"] == self.call_sid:
                found: dict[str, Any] = call
                return found
        raise DeskTrouble("the sandbox has forgotten the call")

    def _tell(self, item: dict[str, Any]) -> None:
        if item["kind"] == "said":
            self._may_answer = True
            self._narrate(f"The desk says: {item['text']}")
        elif item["kind"] == "heard":
            self._narrate(f"Somebody says: {item['text']}")
        elif item["kind"] in ("played", "music"):
            self._may_answer = True

    def _leave_word(self) -> None:
        """Speak after the tone, or hang up at it."""
        if self._voicemail:
            self._narrate(f"A tone. The caller says: {self._voicemail}")
            self._do("words", {"text": self._voicemail})
            self._voicemail = ""
            self._desk.let_time_pass(BETWEEN_LOOKS)
            self._do("keys", {"digits": "#"})
        else:
            self._narrate("A tone. The caller hangs up without a word.")
            self._do("end", {})
        self._desk.let_time_pass(BETWEEN_LOOKS)

    def _do(self, deed: str, body: dict[str, Any]) -> None:
        self._desk.sandbox(f"{self._device}/calls/{self.call_sid}/{deed}", body)


def _named(caller: str) -> str:
    return "Somebody with a withheld number" if caller in ("", "anonymous") else caller
