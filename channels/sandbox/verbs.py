"""Which verb does what."""

from channels.sandbox.dialling import dial
from channels.sandbox.news import ApplicationError, HungUp, Program
from channels.sandbox.program import Doing, Script, gather, hang_up, leave, redirect, say
from channels.sandbox.queues import enqueue
from channels.sandbox.recording import record
from channels.sandbox.twiml_reader import Verb

REASONS = {"busy": "busy", "rejected": "no-answer"}


def reject(script: Script, verb: Verb) -> Program:
    """<Reject>: do not even pick up. Only the first verb of an incoming call can."""
    call = script.call
    if call.answered_at is not None:
        raise ApplicationError(13233, "<Reject> comes too late: the call is answered")
    reason = verb.attributes.get("reason", "rejected")
    call.end(REASONS.get(reason, "no-answer"), "busy" if reason == "busy" else "not taken")
    raise HungUp("desk")


def answering(doing: Doing) -> Doing:
    """Return the verb such that it picks up an incoming call, if nobody has."""

    def picks_up(script: Script, verb: Verb) -> Program:
        if script.call.answered_at is None:
            script.call.move("in-progress")
            script.call.note("told", "Picked up.")
        yield from doing(script, verb)

    return picks_up


VERBS: dict[str, Doing] = {
    name: answering(doing)
    for name, doing in {
        "Say": say,
        "Play": say,
        "Pause": say,
        "Gather": gather,
        "Enqueue": enqueue,
        "Leave": leave,
        "Hangup": hang_up,
        "Redirect": redirect,
        "Record": record,
        "Dial": dial,
    }.items()
} | {"Reject": reject, "Redirect": redirect}
