"""Say how a raw mail was read, as the JSON of `comptoir inbound parse --jsonl` (shape: docs/channels.md)."""

import hashlib
from datetime import datetime
from typing import Any

from channels.email.addresses import Address
from channels.email.bounces import Bounce, read_bounce
from channels.email.loops import is_auto_reply
from channels.email.mime import parse
from channels.email.new_words import new_words
from ticketing.envelope import IncomingFile


def describe(name: str, raw: bytes) -> dict[str, Any]:
    """Return the JSON object for the mail in the file `name`; `error` is always None, as any bytes can be read."""
    mail = parse(raw)
    new = new_words(mail)
    bounce = read_bounce(mail)
    return {
        "file": name,
        "error": None,
        "from": _person(mail.sender) if mail.sender else None,
        "to": [_person(one) for one in mail.to],
        "cc": [_person(one) for one in mail.cc],
        "reply_to": [_person(one) for one in mail.reply_to],
        "subject": mail.subject,
        "message_id": mail.message_id,
        "in_reply_to": mail.in_reply_to[0] if mail.in_reply_to else None,
        "references": list(mail.references),
        "date": _time(mail.date),
        "text": mail.text,
        "reply": new.text,
        "quoted": new.quoted,
        "html": mail.html,
        "attachments": [_attachment(file) for file in mail.files],
        "is_auto_reply": is_auto_reply(mail),
        "is_bounce": bounce is not None,
        "bounce": _bounce(bounce) if bounce else None,
    }


def _person(person: Address) -> dict[str, str]:
    return {"name": person.name, "address": person.address}


def _time(at: datetime | None) -> str | None:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at else None


def _attachment(file: IncomingFile) -> dict[str, Any]:
    return {
        "filename": file.filename,
        "content_type": file.content_type,
        "size": len(file.content),
        "sha256": hashlib.sha256(file.content).hexdigest(),
        "inline": file.inline,
    }


def _bounce(bounce: Bounce) -> dict[str, Any]:
    return {
        "recipient": bounce.recipient,
        "status": bounce.status,
        "hard": bounce.hard,
        "message_id": bounce.message_id,
    }
