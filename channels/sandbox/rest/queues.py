"""Queues and their members: https://www.twilio.com/docs/voice/api/queue-resource."""

from channels.sandbox import resources
from channels.sandbox.calls import Call
from channels.sandbox.exchange import Exchange
from channels.sandbox.news import Redirected, Target
from channels.sandbox.queues import MAX_NAME, WaitingQueue
from channels.sandbox.refusals import Refused, not_found
from channels.sandbox.rest.answers import Answer, Asked, collection, needed, page

MAX_MEMBERS = 5000


def create_queue(exchange: Exchange, asked: Asked) -> Answer:
    needed(asked, ("FriendlyName", 20001))
    name = asked.get("FriendlyName")
    if len(name) > MAX_NAME:
        raise Refused(20001, "FriendlyName has at most 64 characters")
    if exchange.find_queue(name) is not None:
        raise Refused(22003, f"Queue with friendly name {name} already exists")
    queue = exchange.queue(name)
    queue.max_size = asked.number("MaxSize", queue.max_size, most=MAX_MEMBERS)
    return Answer(201, resources.queue(queue, exchange.account_sid))


def list_queues(exchange: Exchange, asked: Asked) -> Answer:
    account = exchange.account_sid
    queues = list(exchange.queues.values())
    path = collection(account, "Queues")
    return page(asked, path, "queues", queues, lambda one: one.sid, lambda one: resources.queue(one, account))


def fetch_queue(exchange: Exchange, asked: Asked, sid: str) -> Answer:
    return Answer(200, resources.queue(_find(exchange, sid), exchange.account_sid))


def update_queue(exchange: Exchange, asked: Asked, sid: str) -> Answer:
    queue = _find(exchange, sid)
    queue.name = asked.get("FriendlyName", queue.name)
    queue.max_size = asked.number("MaxSize", queue.max_size, most=MAX_MEMBERS)
    return Answer(200, resources.queue(queue, exchange.account_sid))


def delete_queue(exchange: Exchange, asked: Asked, sid: str) -> Answer:
    queue = _find(exchange, sid)
    if queue.members:
        raise Refused(22004, "Queue is not empty")
    del exchange.queues[queue.sid]
    return Answer(204)


def list_members(exchange: Exchange, asked: Asked, sid: str) -> Answer:
    queue, account = _find(exchange, sid), exchange.account_sid
    members = list(queue.members)
    path = collection(account, "Queues", sid, "Members")
    return page(
        asked, path, "queue_members", members, lambda one: one.sid, lambda one: resources.member(queue, one, account)
    )


def fetch_member(exchange: Exchange, asked: Asked, sid: str, call_sid: str) -> Answer:
    queue = _find(exchange, sid)
    return Answer(200, resources.member(queue, _member(queue, call_sid), exchange.account_sid))


def update_member(exchange: Exchange, asked: Asked, sid: str, call_sid: str) -> Answer:
    """Take a member out of the queue and send them to a document."""
    queue = _find(exchange, sid)
    call = _member(queue, call_sid)
    if not exchange.knows(asked.get("Url")):
        raise Refused(21205, "Url is not valid: the sandbox fetches from nobody but this desk")
    answer = resources.member(queue, call, exchange.account_sid)
    queue.dequeue(call, Redirected(Target(asked.get("Url"), asked.get("Method", "POST").upper())))
    return Answer(200, answer)


def _find(exchange: Exchange, sid: str) -> WaitingQueue:
    found = exchange.queues.get(sid)
    if found is None:
        raise not_found()
    return found


def _member(queue: WaitingQueue, call_sid: str) -> Call:
    for member in queue.members:
        if call_sid in (member.sid, "Front"):
            return member
    raise not_found()
