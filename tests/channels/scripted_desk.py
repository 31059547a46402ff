"""A desk that answers the exchange from a table, so that the sandbox can be tried without one."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from channels.sandbox.courier import Request, Response
from channels.sandbox.exchange import Exchange
from channels.sandbox.rest import api
from channels.sandbox.rest.answers import Answer
from config.settings import Settings
from tests.conftest import NOON

URL = "https://desk.example"
OURS, THEIRS, AGENT = "+15145550100", "+14165550177", "client:agent-1"
VOICE = "/inbound/twilio/voice"

Page = str | Response | Callable[[dict[str, str]], str | Response]


class ScriptedDesk:
    """Answers each path with its page; remembers every request as (path, form). Other paths get 204."""

    def __init__(self, pages: Mapping[str, Page]) -> None:
        self.pages = dict(pages)
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.tokens: list[str] = []

    def carry(self, request: Request) -> Response:
        parts = urlsplit(request.url)
        form = request.form | dict(parse_qsl(parts.query))
        self.requests.append((parts.path, form))
        self.tokens.append(request.token)
        page = self.pages.get(parts.path, Response(204))
        answer = page(form) if callable(page) else page
        return Response(200, answer, "text/xml") if isinstance(answer, str) else answer

    def asked(self, path: str) -> list[dict[str, str]]:
        """The forms that came to a path, in order."""
        return [form for one, form in self.requests if one == path]


def twiml(verbs: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{verbs}</Response>'


def exchange(settings: Settings, folder: Path, pages: Mapping[str, str]) -> tuple[Exchange, ScriptedDesk]:
    """An exchange before a desk whose pages are verbs by path ("" for the first document); its clock stands still."""
    desk = ScriptedDesk({path or VOICE: twiml(verbs) for path, verbs in pages.items()})
    mine = replace(settings, data_dir=folder, public_url=URL, local_url=URL)
    return Exchange(mine, speed=0, courier=desk, began=NOON), desk


def rest(board: Exchange, method: str, path: str, **values: str | list[str]) -> Answer:
    """Ask the REST API, as a door would."""
    several = {name: value if isinstance(value, list) else [value] for name, value in values.items()}
    return api.answer(board, method, path, several)


def sid_of(answer: Answer, name: str = "sid") -> str:
    assert answer.body is not None, answer
    return str(answer.body[name])
