"""Calls: https://www.twilio.com/docs/voice/api/call-resource."""

from channels.sandbox import resources, twiml_reader
from channels.sandbox.calls import Call
from channels.sandbox.dialling import call_out
from channels.sandbox.exchange import Exchange
from channels.sandbox.news import HungUp, Redirected, Target
from channels.sandbox.program import Script
from channels.sandbox.refusals import Refused, not_found
from channels.sandbox.rest.answers import Answer, Asked, collection, is_within, needed, page
from channels.sandbox.verbs import VERBS

REFUSALS = {  # the magic recipients of a call: https://www.twilio.com/docs/iam/test-credentials
    "+15005550001": (21217, "Phone number does not appear to be valid"),
    "+15005550002": (21214, "'To' phone number cannot be reached"),
    "+15005550003": (21215, "Account not authorized to make the call"),
    "+15005550004": (21216, "Account not allowed to make a call to this number"),
}
MAX_TWIML = 4000
RINGS, LONGEST_RING = 60, 600  # seconds
UNDER_WAY = ("queued", "initiated", "ringing", "in-progress")


def create_call(exchange: Exchange, asked: Asked) -> Answer:
    needed(asked, ("To", 21201), ("From", 21213))
    if asked.get("To") in REFUSALS:
        raise Refused(*REFUSALS[asked.get("To")])
    target = _target(exchange, asked)
    if target is None:
        raise Refused(21205, "Url parameter is required.")
    call = ring_out(exchange, asked)
    if target.document:
        exchange.keep_words(call, twiml_reader.words(target.document))
    script = Script(call, VERBS)
    detect = asked.get("MachineDetection") in ("Enable", "DetectMessageEnd")
    timeout = asked.number("Timeout", RINGS, most=LONGEST_RING)
    if detect and asked.get("AsyncAmd") == "true":
        exchange.check_callback(asked.get("AsyncAmdStatusCallback"))
        call.machine_url, detect = asked.get("AsyncAmdStatusCallback"), False
    call.run(call_out(script, target, timeout=timeout, detect=detect))
    return Answer(201, resources.call(call, exchange.account_sid))


def ring_out(exchange: Exchange, asked: Asked) -> Call:
    """Make the call that is asked for, with its callbacks."""
    exchange.check_callback(asked.get("StatusCallback"))
    call = exchange.new_call(sender=asked.get("From"), recipient=asked.get("To"), direction="outbound-api")
    call.callback_url = asked.get("StatusCallback")
    call.callback_method = asked.get("StatusCallbackMethod", "POST").upper()
    call.callback_events = asked.all("StatusCallbackEvent") or ("completed",)
    exchange.limit(call)
    return call


def _target(exchange: Exchange, asked: Asked) -> Target | None:
    """Return where a call is to go: an address, or a document; None if neither is given."""
    document, url = asked.get("Twiml"), asked.get("Url")
    if document:
        if len(document) > MAX_TWIML:
            raise Refused(21205, f"Twiml has at most {MAX_TWIML} characters")
        try:
            twiml_reader.check(twiml_reader.read(document))
        except twiml_reader.UnreadableTwiML as error:
            raise Refused(21205, str(error)) from None
        return Target(document=document)
    if not url:
        return None
    if not exchange.knows(url):
        raise Refused(21205, "The sandbox fetches from nobody but this desk, at its COMPTOIR_PUBLIC_URL.")
    return Target(url, asked.get("Method", "POST").upper(), fallback_url=asked.get("FallbackUrl"))


def fetch_call(exchange: Exchange, asked: Asked, sid: str) -> Answer:
    return Answer(200, resources.call(find_call(exchange, sid), exchange.account_sid))


def update_call(exchange: Exchange, asked: Asked, sid: str) -> Answer:
    """Send a call elsewhere, or end it."""
    call = find_call(exchange, sid)
    status, target = asked.get("Status"), _target(exchange, asked)
    if status and status not in ("canceled", "completed"):
        raise Refused(21218, "Invalid Status: it can be canceled or completed")
    if not status and target is None:
        raise Refused(20001, "Nothing to change was given")
    if call.is_over or (not status and call.status != "in-progress"):
        raise Refused(21220, "Call is not in-progress. Cannot redirect.")
    if status == "canceled" and call.status == "in-progress":
        raise Refused(21220, "Call is in-progress. Cannot cancel.")
    if asked.has("StatusCallback"):
        exchange.check_callback(asked.get("StatusCallback"))
        call.callback_url = asked.get("StatusCallback")
    if status:
        call.interrupt(HungUp("desk"))
    elif target is not None:
        call.interrupt(Redirected(target))
    told = {"status": "canceled" if call.answered_at is None else "completed"} if status else {}
    return Answer(200, resources.call(call, exchange.account_sid) | told)


def list_calls(exchange: Exchange, asked: Asked) -> Answer:
    """Newest first."""
    found = [one for one in reversed(exchange.calls.values()) if _matches(one, asked)]
    account = exchange.account_sid
    path = collection(account, "Calls")
    return page(asked, path, "calls", found, lambda one: one.sid, lambda one: resources.call(one, account))


def _matches(call: Call, asked: Asked) -> bool:
    parent = call.parent.sid if call.parent is not None else ""
    return (
        asked.get("To", call.recipient) == call.recipient
        and asked.get("From", call.sender) == call.sender
        and asked.get("Status", call.status) == call.status
        and asked.get("ParentCallSid", parent) == parent
        and is_within(asked, "StartTime", call.answered_at or call.began_at)
        and is_within(asked, "EndTime", call.ended_at)
    )


def find_call(exchange: Exchange, sid: str) -> Call:
    found = exchange.calls.get(sid)
    if found is None:
        raise not_found()
    return found
