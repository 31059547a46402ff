"""Which request is which operation, and what befalls it by the plan of faults."""

import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from channels.sandbox import resources
from channels.sandbox.exchange import Exchange
from channels.sandbox.faults import RESTFault, Trouble
from channels.sandbox.refusals import Refused
from channels.sandbox.rest import calls, conferences, messages, queues, recordings
from channels.sandbox.rest.answers import Answer, Asked

Operation = Callable[..., Answer]

ID = r"([A-Za-z0-9_.@-]{1,64})"
SID = r"([A-Z]{2}[0-9a-f]{32})"
FILE = r"([A-Z]{2}[0-9a-f]{32}(?:\.(?:json|wav|mp3))?)"
ROUTES: Sequence[tuple[str, str, Operation]] = (
    ("POST", r"Messages\.json", messages.create_message),
    ("GET", r"Messages\.json", messages.list_messages),
    ("GET", rf"Messages/{SID}\.json", messages.fetch_message),
    ("GET", rf"Messages/{SID}/Media\.json", messages.list_media),
    ("GET", rf"Messages/{SID}/Media/{FILE}", messages.fetch_media),
    ("DELETE", rf"Messages/{SID}/Media/{FILE}", messages.delete_media),
    ("POST", r"Calls\.json", calls.create_call),
    ("GET", r"Calls\.json", calls.list_calls),
    ("GET", rf"Calls/{SID}\.json", calls.fetch_call),
    ("POST", rf"Calls/{SID}\.json", calls.update_call),
    ("GET", rf"Calls/{SID}/Recordings\.json", recordings.list_recordings_of_call),
    ("POST", r"Queues\.json", queues.create_queue),
    ("GET", r"Queues\.json", queues.list_queues),
    ("GET", rf"Queues/{SID}\.json", queues.fetch_queue),
    ("POST", rf"Queues/{SID}\.json", queues.update_queue),
    ("DELETE", rf"Queues/{SID}\.json", queues.delete_queue),
    ("GET", rf"Queues/{SID}/Members\.json", queues.list_members),
    ("GET", rf"Queues/{SID}/Members/{ID}\.json", queues.fetch_member),
    ("POST", rf"Queues/{SID}/Members/{ID}\.json", queues.update_member),
    ("GET", r"Conferences\.json", conferences.list_conferences),
    ("GET", rf"Conferences/{SID}\.json", conferences.fetch_conference),
    ("POST", rf"Conferences/{ID}\.json", conferences.update_conference),
    ("GET", rf"Conferences/{SID}/Participants\.json", conferences.list_participants),
    ("POST", rf"Conferences/{ID}/Participants\.json", conferences.create_participant),
    ("GET", rf"Conferences/{SID}/Participants/{ID}\.json", conferences.fetch_participant),
    ("POST", rf"Conferences/{SID}/Participants/{ID}\.json", conferences.update_participant),
    ("DELETE", rf"Conferences/{SID}/Participants/{ID}\.json", conferences.delete_participant),
    ("GET", r"Recordings\.json", recordings.list_recordings),
    ("GET", rf"Recordings/{FILE}", recordings.fetch_recording),
    ("DELETE", rf"Recordings/{FILE}", recordings.delete_recording),
)
_ROUTES = [(method, re.compile(pattern), operation) for method, pattern, operation in ROUTES]


def knows(exchange: Exchange, username: str, password: str) -> bool:
    """Say whether these are the account's credentials."""
    known = hmac.compare_digest(username.encode(), exchange.account.account_sid.encode())
    return hmac.compare_digest(password.encode(), exchange.account.auth_token.encode()) and known


def answer(exchange: Exchange, method: str, path: str, values: Mapping[str, Sequence[str]]) -> Answer:
    """Do what is asked; `path` is what follows the account. Whoever watches the exchange sees both."""
    found = _operation(method, path)
    if found is None:
        return _refused(HTTPStatus.NOT_FOUND, 20404, "The requested resource was not found")
    operation, ids = found
    fault = exchange.faults.of_request(operation.__name__)
    if fault is not None and fault.does is Trouble.REFUSE:
        return _troubled(fault)
    given = _done(exchange, operation, Asked(values), ids)
    for watch in exchange.watchers:
        watch(operation.__name__, method, path, values, given)
    if fault is None:
        return given
    if fault.does is Trouble.STALL:
        return Answer(given.status, given.body, given.content, given.content_type, given.headers, fault.seconds)
    return _troubled(fault)


def _operation(method: str, path: str) -> tuple[Operation, tuple[Any, ...]] | None:
    for wanted, pattern, operation in _ROUTES:
        if wanted == method and (match := pattern.fullmatch(path)):
            return operation, match.groups()
    return None


def _done(exchange: Exchange, operation: Operation, asked: Asked, ids: tuple[Any, ...]) -> Answer:
    with exchange.engine.lock:
        try:
            return operation(exchange, asked, *ids)
        except Refused as refusal:
            return _refused(refusal.status, refusal.code, str(refusal))


def _troubled(fault: RESTFault) -> Answer:
    headers = {"Retry-After": str(fault.retry_after)} if fault.retry_after else {}
    refused = _refused(fault.status, fault.code, "The sandbox was asked to have this trouble")
    return Answer(refused.status, refused.body, headers=headers)


def _refused(status: int, code: int, words: str) -> Answer:
    return Answer(status, resources.error(status, code, words))
