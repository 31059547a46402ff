"""Take in what no webhook told us: Twilio's list of recent messages and calls, compared with what has come in.

What is missing becomes the very raw item that its webhook would have made, signed by ourselves and marked
`reconciled`, so that it goes the usual way, can be replayed, and is a duplicate when the webhook comes after all.
Runs in a worker, outside any transaction but the last word of each step. Bounded in requests and in time: Twilio gives
the newest first, and whatever lies behind the bound is told.
https://www.twilio.com/docs/messaging/api/message-resource#read-multiple-message-resources and
https://www.twilio.com/docs/voice/api/call-resource#read-multiple-call-resources.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import requests
import structlog
from flask import current_app
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from twilio.base.exceptions import TwilioException
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from channels import gateway, receipts, twilio_api
from channels.erasure import digest_of
from channels.errors import TransientFailure
from channels.models import Call, InboundItem, ItemState, Reconciled
from channels.phone.states import FINAL, STATES
from channels.protocol import RECONCILED, RawItem
from channels.texting import forms
from config.settings import Settings
from ticketing import opt_outs
from ticketing.envelope import Channel, MessageState
from ticketing.models import Inbox, Message, MessageKind
from ticketing.store import db, dialect
from ticketing.transaction import transaction

log = structlog.get_logger()

EVERY = timedelta(minutes=5)
LEAVE_BE = timedelta(minutes=2)  # its webhook may be on its way
FIRST_LOOK_BACK = timedelta(hours=24)
OVERLAP = {"messages": timedelta(minutes=30), "calls": timedelta(hours=4)}  # what began then may have ended since
STALE_AFTER = timedelta(minutes=30)
PAGE = 200
MOST_PAGES = 50
TIME_LIMIT = 40.0  # seconds for both lists; a job has 60
REQUEST_TIMEOUT = 10.0
_INSERT: Mapping[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
TEXTS = (Channel.SMS, Channel.WHATSAPP)
SMS_PATH, MESSAGE_STATUS_PATH = "/inbound/twilio/sms", "/inbound/twilio/message-status"
VOICE_PATH, CALL_STATUS_PATH = "/inbound/twilio/voice", "/inbound/twilio/voice/status"
REPLY_STATUS_PATH = "/inbound/twilio/voice/reply-status"


class _Overrun(Exception):
    """There is more than we look at in one go."""


@dataclass(frozen=True)
class _Missing:
    """Something that no webhook told: through which door it would have come, and as what."""

    channel: Channel
    kind: str
    url: str
    form: dict[str, str]
    at: datetime  # when it happened, as Twilio says


def is_due(now: datetime) -> bool:
    """Say whether Twilio is to be asked again."""
    settings = _settings()
    if settings.twilio is None or not settings.reconcile:
        return False
    fresh = select(Reconciled.kind).where(Reconciled.checked_at > now - EVERY)
    return len(db.session().scalars(fresh).all()) < len(_LISTS)


def trouble(now: datetime) -> str:
    """Return what is wrong, for whoever watches over the desk; "" when all is well, or nobody is to ask."""
    settings = _settings()
    if settings.twilio is None or not settings.reconcile:
        return ""
    rows = db.session().scalars(select(Reconciled).order_by(Reconciled.kind)).all()
    told = [f"{row.kind}: {row.error}" for row in rows if row.error]
    if not told and rows and min(row.checked_at for row in rows) < now - STALE_AFTER:
        return "Twilio was not asked for a while what we missed"
    return "; ".join(told)


def reconcile(now: Callable[[], datetime]) -> int:
    """Take in what is missing; return how much that was. Twilio's troubles are written down, to be shown."""
    settings = _settings()
    if settings.twilio is None or not settings.reconcile:
        return 0
    client = twilio_api.connect(settings.twilio, timeout=REQUEST_TIMEOUT)
    ends_at, found = time.monotonic() + TIME_LIMIT, 0
    for kind, find in _LISTS.items():
        at = now()
        since = _claim(kind, at)
        if since is not None:
            found += _reconcile(kind, find, client, since=since, at=at, ends_at=ends_at)
    return found


def _reconcile(
    kind: str,
    find: Callable[[Client, datetime, float], Iterator[Sequence[Any]]],
    client: Client,
    *,
    since: datetime,
    at: datetime,
    ends_at: float,
) -> int:
    found, error, put_off, until = 0, "", timedelta(0), None
    try:
        for page in find(client, since - OVERLAP[kind], ends_at):
            listed = [one for one in reversed(page) if _began(one) <= at - LEAVE_BE]  # the oldest first
            for missing in list(_MISSING[kind](client, listed)):
                found += _take_in(missing, at=at)
        until = at
    except _Overrun as overrun:  # to look once more would find as much again
        error, until = str(overrun), at
    except TransientFailure as trouble:  # 429
        error, put_off = str(trouble), trouble.retry_after or timedelta(0)
    except TwilioException as trouble:
        error = f"Twilio answered {_status(trouble)}"
    except (requests.RequestException, ValueError) as trouble:
        error = f"Twilio cannot be asked ({type(trouble).__name__})"
    _note(kind, until=until, found=found, error=error, put_off=put_off)
    if found:
        log.warning("taken in what no webhook told", kind=kind, count=found)
    if error:
        log.warning("not reconciled with Twilio", kind=kind, reason=error)
    return found


def _status(trouble: TwilioException) -> int | str:
    """Return what Twilio answered; of a list the SDK hands over the answer itself."""
    answer = trouble.args[1] if len(trouble.args) > 1 else None
    status: int | str = getattr(trouble, "status", None) or getattr(answer, "status_code", None) or "something else"
    return status


def _claim(kind: str, at: datetime) -> datetime | None:
    """Return from when on to look, for one of all who would; None: another one does, or has just done."""
    with transaction("reconciled") as session:
        since = at - FIRST_LOOK_BACK
        new = {"kind": kind, "until_at": since, "checked_at": at, "found": 0, "error": ""}
        written = _INSERT[dialect()](Reconciled).values(new).on_conflict_do_nothing()
        if session.execute(written.returning(Reconciled.kind)).first() is not None:
            return since
        query = select(Reconciled).where(Reconciled.kind == kind).with_for_update()
        row = session.scalars(query.execution_options(populate_existing=True)).one()
        if row.checked_at > at - EVERY:
            return None
        row.checked_at = at
        return row.until_at


def _note(kind: str, *, until: datetime | None, found: int, error: str, put_off: timedelta) -> None:
    with transaction("reconciled") as session:
        row = session.get_one(Reconciled, kind)
        row.until_at, row.error = until or row.until_at, error
        row.found += found
        row.checked_at += max(put_off - EVERY, timedelta(0))


def _messages(client: Client, since: datetime, ends_at: float) -> Iterator[Sequence[Any]]:
    first = client.messages.page(date_sent_after=since, page_size=PAGE)
    return _pages(first, since, ends_at)


def _calls(client: Client, since: datetime, ends_at: float) -> Iterator[Sequence[Any]]:
    first = client.calls.page(start_time_after=since, page_size=PAGE)
    return _pages(first, since, ends_at)


def _pages(page: Any, since: datetime, ends_at: float) -> Iterator[Sequence[Any]]:
    """Return page after page, the newest first, until one is older than we look; Twilio filters by days alone."""
    for _ in range(MOST_PAGES):
        listed = list(page)
        recent = [one for one in listed if _began(one) >= since]
        yield recent
        if len(recent) < len(listed) or not page.next_page_url:
            return
        if time.monotonic() > ends_at:
            break
        page = page.next_page()
        if page is None:
            return
    raise _Overrun("there was more than we look at in one go, so something older may be missing")


def _began(one: Any) -> datetime:
    moment: datetime = getattr(one, "date_sent", None) or getattr(one, "start_time", None) or one.date_created
    return moment


def _missing_messages(client: Client, listed: Sequence[Any]) -> Iterator[_Missing]:
    inbound = [one for one in listed if str(one.direction) == "inbound"]
    to = {one.sid: (one.to or "").removeprefix(forms.PREFIXES[Channel.WHATSAPP]) for one in inbound}
    known = _items_with(TEXTS, "message", to)
    ours = _our_numbers(TEXTS)
    for one in inbound:
        if one.sid not in known and one.from_ and (to[one.sid] in ours or one.messaging_service_sid in ours):
            yield _came_in(client, one)
    yield from _what_became(listed)


def _came_in(client: Client, one: Any) -> _Missing:
    form = {"MessageSid": one.sid, "From": one.from_, "To": one.to, "Body": one.body or ""}
    form |= {"NumMedia": one.num_media or "0", "MessagingServiceSid": one.messaging_service_sid or ""}
    if form["NumMedia"] != "0":
        for number, media in enumerate(client.messages(one.sid).media.list(limit=forms.MAX_MEDIA)):
            address = f"{twilio_api.TWILIO}{media.uri.removesuffix('.json')}"
            form |= {f"MediaUrl{number}": address, f"MediaContentType{number}": media.content_type or ""}
    return _Missing(forms.channel_of(form), "message", SMS_PATH, form, _began(one))


def _what_became(listed: Iterable[Any]) -> Iterator[_Missing]:
    """Return the ends of messages of ours that no status callback told."""
    sent = {one.sid: one for one in listed if str(one.direction).startswith("outbound")}
    for message in _our_messages(list(sent), TEXTS):
        one = sent[message.provider_id or ""]
        state = forms.STATES.get(str(one.status))
        if state is None or receipts.PROGRESS[state] <= receipts.PROGRESS[message.state]:
            continue
        form = {"MessageSid": one.sid, "MessageStatus": str(one.status), "From": one.from_ or "", "To": one.to or ""}
        form |= {"ErrorCode": str(one.error_code or ""), "ErrorMessage": one.error_message or ""}
        yield _Missing(message.channel, "receipt", f"{MESSAGE_STATUS_PATH}?message={message.id}", form, _began(one))


def _missing_calls(_client: Client, listed: Sequence[Any]) -> Iterator[_Missing]:
    over = {one.sid: one for one in listed if STATES.get(str(one.status)) in FINAL}
    ours = _our_numbers((Channel.PHONE,))
    rows = {call.provider_id: call for call in _our_calls(list(over))}
    taken_in = _items_with((Channel.PHONE,), "call", {sid: one.to or "" for sid, one in over.items()})
    for sid, one in over.items():
        if sid in rows:
            if rows[sid].ended_at is None:
                yield _ended(one)
        elif digest_of(sid) not in rows and sid not in taken_in and one.to in ours and str(one.direction) == "inbound":
            # The end first: it waits for the arrival, which is then of a call that is over and rings nowhere.
            yield _ended(one)
            form = {"CallSid": sid, "From": one._from or "", "To": one.to, "CallStatus": "ringing"}
            yield _Missing(Channel.PHONE, "call", VOICE_PATH, form | {"Direction": "inbound"}, _began(one))
    for message in _our_messages(list(over), (Channel.PHONE,)):
        if receipts.PROGRESS[message.state] < receipts.PROGRESS[MessageState.DELIVERED]:
            one = over[message.provider_id or ""]
            form = {"CallSid": one.sid, "CallStatus": str(one.status), "From": one._from or "", "To": one.to or ""}
            url = f"{REPLY_STATUS_PATH}?message={message.id}"
            yield _Missing(Channel.PHONE, "receipt", url, form, _began(one))


def _ended(one: Any) -> _Missing:
    form = {"CallSid": one.sid, "CallStatus": str(one.status), "From": one._from or "", "To": one.to or ""}
    form |= {"CallDuration": str(one.duration or "")}
    return _Missing(Channel.PHONE, "call-status", CALL_STATUS_PATH, form, one.end_time or _began(one))


_LISTS = {"messages": _messages, "calls": _calls}
_MISSING = {"messages": _missing_messages, "calls": _missing_calls}


def _take_in(missing: _Missing, *, at: datetime) -> bool:
    """Let it in as its webhook would have been; return whether it was news."""
    settings = _settings()
    token = settings.twilio.auth_token if settings.twilio is not None else ""
    signature = RequestValidator(token).compute_signature(settings.public_url + missing.url, missing.form)
    item = RawItem(
        channel=missing.channel,
        kind=missing.kind,
        body=urlencode(missing.form).encode(),
        received_at=min(missing.at, at),
        content_type="application/x-www-form-urlencoded",
        url=missing.url,
        headers={"content-type": "application/x-www-form-urlencoded", "x-twilio-signature": signature},
        meta={"door": RECONCILED},
    )
    received = gateway.receive(item, at=at)
    return received.state is ItemState.PROCESSED and not received.duplicate


def _items_with(channels: Sequence[Channel], kind: str, to: Mapping[str, str]) -> set[str]:
    """Return which of these we have had, of forgotten people too; `to` is by Twilio's id which number they were for."""
    digests = {digest_of(key): key for key in to}
    query = select(InboundItem.key).where(
        InboundItem.channel.in_(channels),
        InboundItem.kind == kind,
        InboundItem.inbox_address.in_(set(to.values())),
        InboundItem.key.in_([*to, *digests]),
    )
    return {digests.get(key, key) for key in db.session().scalars(query)}


def _our_messages(sids: Sequence[str], channels: Sequence[Channel]) -> Sequence[Message]:
    query = select(Message).where(Message.provider_id.in_(sids), Message.channel.in_(channels))
    return db.session().scalars(query.where(Message.kind == MessageKind.OUTBOUND).order_by(Message.id)).all()


def _our_calls(sids: Sequence[str]) -> Sequence[Call]:
    query = select(Call).where(Call.provider_id.in_([*sids, *map(digest_of, sids)]))
    return db.session().scalars(query.execution_options(populate_existing=True)).all()


def _our_numbers(channels: Sequence[Channel]) -> set[str]:
    """Return our numbers, and the messaging services of which they are."""
    rows = db.session().execute(select(Inbox.address, Inbox.settings).where(Inbox.channel.in_(channels))).all()
    services = {str(row.settings[opt_outs.SERVICE]) for row in rows if row.settings.get(opt_outs.SERVICE)}
    return {row.address for row in rows} | services


def _settings() -> Settings:
    settings: Settings = current_app.extensions["comptoir.settings"]
    return settings
