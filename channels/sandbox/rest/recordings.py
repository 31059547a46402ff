"""Recordings: https://www.twilio.com/docs/voice/api/recording."""

from channels.sandbox import resources
from channels.sandbox.exchange import Exchange, Recording
from channels.sandbox.refusals import not_found
from channels.sandbox.rest.answers import Answer, Asked, collection, is_within, page


def list_recordings(exchange: Exchange, asked: Asked) -> Answer:
    """Newest first."""
    return _page(exchange, asked, collection(exchange.account_sid, "Recordings"))


def list_recordings_of_call(exchange: Exchange, asked: Asked, sid: str) -> Answer:
    of = Asked({**asked.values, "CallSid": [sid]})
    return _page(exchange, of, collection(exchange.account_sid, "Calls", sid, "Recordings"))


def _page(exchange: Exchange, asked: Asked, path: str) -> Answer:
    found = [
        one
        for one in reversed(exchange.recordings.values())
        if asked.get("CallSid", one.call_sid) == one.call_sid
        and asked.get("ConferenceSid", one.conference_sid) == one.conference_sid
        and is_within(asked, "DateCreated", one.made_at)
    ]
    account = exchange.account_sid
    return page(asked, path, "recordings", found, lambda one: one.sid, lambda one: resources.recording(one, account))


def fetch_recording(exchange: Exchange, asked: Asked, name: str) -> Answer:
    """Give the sound, or with `.json` what is known of it."""
    sid = name.partition(".")[0]
    if name.endswith(".json"):
        return Answer(200, resources.recording(_find(exchange, sid), exchange.account_sid))
    content = exchange.store.recording(sid)
    if content is None:
        raise not_found()
    return Answer(200, None, content, "audio/x-wav")


def delete_recording(exchange: Exchange, asked: Asked, name: str) -> Answer:
    """Delete it, once."""
    sid = name.partition(".")[0]
    if exchange.store.recording(sid) is None:
        raise not_found()
    exchange.store.forget_recording(sid)
    exchange.recordings.pop(sid, None)
    return Answer(204)


def _find(exchange: Exchange, sid: str) -> Recording:
    found = exchange.recordings.get(sid)
    if found is None:
        raise not_found()
    return found
