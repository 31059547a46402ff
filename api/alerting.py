"""Send what agents are told out of the house: by mail, SMS and webhook, several at once as one."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog
from flask import current_app

from api import signed_posts
from channels import staff
from channels.errors import ChannelError, OutcomeUnknown, PermanentFailure
from config.settings import Settings
from sla import notices
from sla.actions import Medium
from sla.notices import Claimed, Told
from sla.words import WORDS, Language
from ticketing.errors import TicketingError
from ticketing.moment import rfc3339, utc_now
from ticketing.secrets import decrypt
from ticketing.transaction import transaction

log = structlog.get_logger()

JOB = "api.alerting.send_to"


def send_to(agent_id: int) -> None:
    """Send an agent what is due, medium by medium."""
    for medium in Medium:
        while True:
            with transaction("sla"):
                claimed = notices.claim(agent_id, medium, utc_now())
            if claimed is None:
                break
            _send(claimed)


def _send(claimed: Claimed) -> None:
    settings: Settings = current_app.extensions["comptoir.settings"]
    try:
        SENDING[claimed.medium](claimed, utc_now(), settings)
    except OutcomeUnknown as error:
        # A mail that comes twice does no harm, nor does a post that carries its id; a text message costs, and wakes.
        _failed(claimed, str(error), for_good=claimed.medium is Medium.SMS)
    except (PermanentFailure, TicketingError) as error:
        _failed(claimed, str(error), for_good=True)
    except ChannelError as error:
        _failed(claimed, str(error), for_good=False)
    except signed_posts.NotTaken as error:
        _failed(claimed, str(error), for_good=error.for_good)
    else:
        with transaction("sla"):
            notices.sent(claimed.notices, at=utc_now())
        log.info("agent told", agent=claimed.agent_id, medium=claimed.medium.value, alerts=len(claimed.alerts))


def _failed(claimed: Claimed, reason: str, *, for_good: bool) -> None:
    with transaction("sla"):
        notices.failed(claimed.notices, reason, at=utc_now(), for_good=for_good)
    log.warning("agent not told", agent=claimed.agent_id, medium=claimed.medium.value, reason=reason)


def _mail(claimed: Claimed, at: datetime, settings: Settings) -> None:
    first, others = claimed.alerts[0], len(claimed.alerts) - 1
    short = _said(first, SHORT, claimed.time_zone)
    subject = short if not others else f"{others + 1} alerts, first {short}"
    lines = "\n".join(_said(one, WHOLE, claimed.time_zone) for one in claimed.alerts)
    text = f"{lines}\n\nYou are told because your alert preferences say so.\n"
    staff.mail(claimed.to, subject, text, mark=_mark(claimed.notices), at=at, settings=settings)


def _text(claimed: Claimed, at: datetime, settings: Settings) -> None:
    others = len(claimed.alerts) - 1
    text = _said(claimed.alerts[0], WHOLE, claimed.time_zone) + (f" And {others} more." if others else "")
    staff.text_message(claimed.to, text, settings=settings)


def _post(claimed: Claimed, at: datetime, settings: Settings) -> None:
    alerts = [{"id": one.id, "kind": one.kind, "ticket": one.ticket_id, **_told(one)} for one in claimed.alerts]
    signed_posts.post(
        claimed.to,
        {"type": "alerts", "timestamp": rfc3339(at), "data": {"agent": claimed.agent_id, "alerts": alerts}},
        message_id=_mark(claimed.notices),
        secret=decrypt(claimed.secret, settings.secret_key),
        at=at,
        settings=settings,
    )


def _told(alert: Told) -> dict[str, object]:
    return {"data": alert.data, "at": rfc3339(alert.at)}


def _mark(notice_ids: Sequence[int]) -> str:
    """Return a name for what is sent: the same for the same notices at every attempt."""
    return f"alerts_{notice_ids[0]}_{notice_ids[-1]}_{len(notice_ids)}"


def _said(alert: Told, words: Mapping[str, str], time_zone: str) -> str:
    """Return what happened, in words of our own only, by the agent's clock."""
    return words.get(alert.kind, "{where}: {kind}").format(
        where=f"Ticket {alert.ticket_id}" if alert.ticket_id is not None else "The desk",
        metric=str(alert.data.get("metric", "")).replace("_", " "),
        due=_moment(str(alert.data.get("due_at") or ""), time_zone),
        kind=alert.kind.replace("_", " "),
    )


def _moment(written: str, time_zone: str) -> str:
    """Return "9:00 on Wednesday 18 November, Paris time"."""
    if not written:
        return ""
    words, at = WORDS[Language.ENGLISH], datetime.fromisoformat(written).astimezone(ZoneInfo(time_zone))
    return f"{words.clock(at.replace(microsecond=0))} on {words.day(at)}, {words.zone(time_zone)}"


SHORT = {
    "sla_warned": "{where}: {metric} is due soon",
    "sla_breached": "{where}: {metric} is late",
    "sla_escalated": "{where}: {metric} is still late",
}
WHOLE = {
    "sla_warned": "{where}: {metric} is due at {due}.",
    "sla_breached": "{where}: {metric} was due at {due}, and is late.",
    "sla_escalated": "{where}: {metric} was due at {due}, and is still late.",
}
SENDING: Mapping[Medium, Callable[[Claimed, datetime, Settings], None]] = {
    Medium.MAIL: _mail,
    Medium.SMS: _text,
    Medium.WEBHOOK: _post,
}
