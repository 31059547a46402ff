"""Twilio's REST resources as JSON, in the shape that its SDK reads.

https://www.twilio.com/docs/messaging/api/message-resource, https://www.twilio.com/docs/voice/api/call-resource and
https://www.twilio.com/docs/usage/twilios-response#exceptions.
"""

from datetime import datetime
from email.utils import format_datetime
from typing import Any

API = "/2010-04-01/Accounts"
VERSION = "2010-04-01"


def message(sid: str, account_sid: str, form: dict[str, str], at: datetime) -> dict[str, Any]:
    """Return a message that was just accepted."""
    uri = f"{API}/{account_sid}/Messages/{sid}"
    return {
        "account_sid": account_sid,
        "api_version": VERSION,
        "body": form["Body"],
        "date_created": format_datetime(at),
        "date_sent": None,
        "date_updated": format_datetime(at),
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": form["From"],
        "messaging_service_sid": None,
        "num_media": "0",
        "num_segments": "1",
        "price": None,
        "price_unit": "USD",
        "sid": sid,
        "status": "queued",
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": form["To"],
        "uri": f"{uri}.json",
    }


def call(sid: str, account_sid: str, form: dict[str, str], at: datetime) -> dict[str, Any]:
    """Return a call that was just accepted."""
    uri = f"{API}/{account_sid}/Calls/{sid}"
    return {
        "account_sid": account_sid,
        "answered_by": None,
        "api_version": VERSION,
        "caller_name": None,
        "date_created": format_datetime(at),
        "date_updated": format_datetime(at),
        "direction": "outbound-api",
        "duration": None,
        "end_time": None,
        "forwarded_from": None,
        "from": form["From"],
        "from_formatted": form["From"],
        "group_sid": None,
        "parent_call_sid": None,
        "phone_number_sid": None,
        "price": None,
        "price_unit": "USD",
        "queue_time": "0",
        "sid": sid,
        "start_time": None,
        "status": "queued",
        "subresource_uris": {"recordings": f"{uri}/Recordings.json"},
        "to": form["To"],
        "to_formatted": form["To"],
        "trunk_sid": None,
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
