"""Twilio's REST resources as JSON, in the shape that its SDK reads.

https://www.twilio.com/docs/messaging/api/message-resource, https://www.twilio.com/docs/voice/api and
https://www.twilio.com/docs/usage/twilios-response#exceptions.
"""

from datetime import datetime
from email.utils import format_datetime
from typing import Any

from channels.sandbox.calls import VERSION, Call
from channels.sandbox.conferences import Conference, Participant
from channels.sandbox.exchange import API, Recording
from channels.sandbox.queues import WaitingQueue
from channels.sandbox.texting import Medium, Message


def message(one: Message, account_sid: str) -> dict[str, Any]:
    uri = f"{API}/{account_sid}/Messages/{one.sid}"
    return {
        "account_sid": account_sid,
        "api_version": VERSION,
        "body": one.body,
        "date_created": _moment(one.made_at),
        "date_sent": _moment(one.sent_at or (one.made_at if one.direction == "inbound" else None)),
        "date_updated": _moment(one.updated_at),
        "direction": one.direction,
        "error_code": one.error_code,
        "error_message": None,
        "from": one.sender or None,
        "messaging_service_sid": one.service_sid,
        "num_media": str(len(one.media)),
        "num_segments": "1",
        "price": None,
        "price_unit": "USD",
        "sid": one.sid,
        "status": one.status,
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": one.recipient,
        "uri": f"{uri}.json",
    }


def medium(one: Medium, parent: Message, account_sid: str) -> dict[str, Any]:
    return {
        "account_sid": account_sid,
        "content_type": one.content_type,
        "date_created": _moment(one.made_at),
        "date_updated": _moment(one.made_at),
        "parent_sid": parent.sid,
        "sid": one.sid,
        "uri": f"{API}/{account_sid}/Messages/{parent.sid}/Media/{one.sid}.json",
    }


def call(one: Call, account_sid: str) -> dict[str, Any]:
    uri = f"{API}/{account_sid}/Calls/{one.sid}"
    return {
        "account_sid": account_sid,
        "answered_by": one.answered_by or None,
        "api_version": VERSION,
        "caller_name": None,
        "date_created": _moment(one.began_at),
        "date_updated": _moment(one.ended_at or one.answered_at or one.began_at),
        "direction": one.direction,
        "duration": str(one.seconds()) if one.is_over else None,
        "end_time": _moment(one.ended_at),
        "forwarded_from": None,
        "from": one.sender,
        "from_formatted": one.sender,
        "group_sid": None,
        "parent_call_sid": one.parent.sid if one.parent is not None else None,
        "phone_number_sid": None,
        "price": None,
        "price_unit": "USD",
        "queue_time": "0",
        "sid": one.sid,
        "start_time": _moment(one.answered_at or one.ended_at),
        "status": "ringing" if one.status == "initiated" else one.status,
        "subresource_uris": {"recordings": f"{uri}/Recordings.json"},
        "to": one.recipient,
        "to_formatted": one.recipient,
        "trunk_sid": None,
        "uri": f"{uri}.json",
    }


def queue(one: WaitingQueue, account_sid: str) -> dict[str, Any]:
    uri = f"{API}/{account_sid}/Queues/{one.sid}"
    return {
        "account_sid": account_sid,
        "average_wait_time": one.average(),
        "current_size": len(one.members),
        "date_created": _moment(one.made_at),
        "date_updated": _moment(one.made_at),
        "friendly_name": one.name,
        "max_size": one.max_size,
        "sid": one.sid,
        "subresource_uris": {"members": f"{uri}/Members.json"},
        "uri": f"{uri}.json",
    }


def member(one: WaitingQueue, of: Call, account_sid: str) -> dict[str, Any]:
    return {
        "call_sid": of.sid,
        "date_enqueued": _moment(one.members.get(of)),
        "position": one.position(of),
        "queue_sid": one.sid,
        "uri": f"{API}/{account_sid}/Queues/{one.sid}/Members/{of.sid}.json",
        "wait_time": one.seconds(of),
    }


def conference(one: Conference, account_sid: str) -> dict[str, Any]:
    uri = f"{API}/{account_sid}/Conferences/{one.sid}"
    return {
        "account_sid": account_sid,
        "api_version": VERSION,
        "call_sid_ending_conference": one.ended_by or None,
        "date_created": _moment(one.made_at),
        "date_updated": _moment(one.updated_at or one.made_at),
        "friendly_name": one.name,
        "reason_conference_ended": one.reason or None,
        "region": "us1",
        "sid": one.sid,
        "status": one.status,
        "subresource_uris": {
            "participants": f"{uri}/Participants.json",
            "recordings": f"{uri}/Recordings.json",
        },
        "uri": f"{uri}.json",
    }


def participant(one: Participant, account_sid: str) -> dict[str, Any]:
    return _participant(one.conference, one.call, account_sid) | {
        "call_sid_to_coach": one.coaching or None,
        "coaching": bool(one.coaching),
        "date_created": _moment(one.joined_at),
        "date_updated": _moment(one.updated_at or one.joined_at),
        "end_conference_on_exit": one.ends,
        "hold": one.hold,
        "label": one.entry.label or None,
        "muted": one.muted,
        "start_conference_on_enter": one.entry.starts,
        "status": "connected",
    }


def dialled(room: Conference, of: Call, account_sid: str) -> dict[str, Any]:
    """Return a participant who is not there yet."""
    status = {"queued": "queued", "initiated": "connecting", "ringing": "ringing"}.get(of.status, "connecting")
    return _participant(room, of, account_sid) | {
        "call_sid_to_coach": None,
        "coaching": False,
        "date_created": _moment(of.began_at),
        "date_updated": _moment(of.began_at),
        "end_conference_on_exit": False,
        "hold": False,
        "label": None,
        "muted": False,
        "start_conference_on_enter": True,
        "status": status,
    }


def recording(one: Recording, account_sid: str) -> dict[str, Any]:
    uri = f"{API}/{account_sid}/Recordings/{one.sid}"
    return {
        "account_sid": account_sid,
        "api_version": VERSION,
        "call_sid": one.call_sid or None,
        "channels": 1,
        "conference_sid": one.conference_sid or None,
        "date_created": _moment(one.made_at),
        "date_updated": _moment(one.made_at),
        "duration": str(one.seconds),
        "encryption_details": None,
        "error_code": None,
        "media_url": f"https://api.twilio.com{uri}",
        "price": None,
        "price_unit": "USD",
        "sid": one.sid,
        "source": one.source,
        "start_time": _moment(one.began_at),
        "status": "completed",
        "subresource_uris": {},
        "uri": f"{uri}.json",
    }


def error(status: int, code: int, words: str) -> dict[str, Any]:
    """Return a refusal."""
    return {
        "code": code,
        "message": words,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }


def _participant(room: Conference, of: Call, account_sid: str) -> dict[str, Any]:
    return {
        "account_sid": account_sid,
        "call_sid": of.sid,
        "conference_sid": room.sid,
        "queue_time": None,
        "uri": f"{API}/{account_sid}/Conferences/{room.sid}/Participants/{of.sid}.json",
    }


def _moment(at: datetime | None) -> str | None:
    return format_datetime(at) if at is not None else None
