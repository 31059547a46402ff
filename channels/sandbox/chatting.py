"""A visitor of the desk's website, at the doors that every widget uses."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from channels.sandbox.desk import Desk, DeskTrouble

BETWEEN_LOOKS = 1.0  # seconds


class ChatVisitor:
    """Somebody who chats; with `token` they go on in a chat of before."""

    def __init__(self, desk: Desk, *, token: str = "") -> None:
        self._desk, self.token, self._after = desk, token, 0

    def begin(self, said: Mapping[str, Any]) -> None:
        """Open a session; what is empty is not said. Raises DeskTrouble."""
        session = self._desk.json("/chat/sessions", {name: value for name, value in said.items() if value})
        self.token = session["visitor_token"]

    def write(self, body: str, files: Sequence[Path] = ()) -> None:
        """Write, with files if there are any. Raises DeskTrouble."""
        words = {"body": body, "client_id": uuid.uuid4().hex, "attachments": [self._upload(one) for one in files]}
        self._desk.json("/chat/messages", words, token=self.token)

    def standing(self) -> dict[str, Any]:
        """Return how the chat stands, as the desk tells its visitor. Raises DeskTrouble."""
        return self._desk.look("/chat/session", token=self.token)

    def answers(self, seconds: float) -> Iterator[str]:
        """Yield what the desk writes within so many seconds, as it comes. Raises DeskTrouble."""
        left = seconds
        while True:
            page = self._desk.look(f"/chat/messages?after={self._after}", token=self.token)
            for one in page["items"]:
                self._after = one["id"]
                if one["from"] != "visitor":
                    self._desk.tell("/chat/seen", {"until": one["id"]}, token=self.token)
                    yield f"{one['author'] or 'The desk'}: {one['body']}"
            if left <= 0:
                return
            self._desk.let_time_pass(min(BETWEEN_LOOKS, left))
            left -= BETWEEN_LOOKS

    def _upload(self, path: Path) -> int:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DeskTrouble(f"{path} cannot be read: {error.strerror}") from None
        return int(self._desk.upload("/chat/attachments", path.name, content, token=self.token)["id"])


def wait_told(standing: Mapping[str, Any]) -> str:
    """Return in words how a chat stands."""
    if standing["agent"]:
        return f"{standing['agent']['name']} has it."
    wait = standing.get("wait")
    if not wait:
        return f"It is {standing['state']}; nobody says how long that lasts."
    place = f"Place {standing['position']} in the line"
    return f"{place}: {wait['words']}" if wait.get("words") else f"{place}."
