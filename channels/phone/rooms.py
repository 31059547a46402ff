"""The room of a call, a conference of Twilio's: what whoever comes in hears, as TwiML.

https://www.twilio.com/docs/voice/twiml/conference. Nobody's leaving ends the conference by itself: what follows then
is decided here (`channels.phone.legs`), for a browser that vanished is no receiver that was put down.
"""

from enum import StrEnum
from typing import Any

from twilio.twiml.voice_response import Dial, Gather, VoiceResponse

from channels.models import Call
from channels.phone import twiml
from channels.phone.models import CallLeg, LegRole
from channels.phone.phrases import reason_told
from channels.phone.recording_news import recording_of_talk
from channels.phone.speaking import VOICE_PATH, Speaker
from config.settings import Settings
from ticketing.models import Inbox
from ticketing.queue_settings import QueueSettings

NEWS = "join leave"
KEY_SECONDS = 8  # in which a person who picks up presses a key
TRIES = 2


class Back(StrEnum):
    """Why a customer who spoke with an agent waits in the line again."""

    LOST = "lost"  # the agent is gone
    TRANSFER = "transfer"  # they are handed on
    RELEASED = "released"  # the agent gave the ticket back


def name_of(call_id: int) -> str:
    """Return the name of a call's conference."""
    return f"call-{call_id}"


def for_leg(call: Call, leg: CallLeg, queue: QueueSettings, settings: Settings, *, coached: str = "") -> str:
    """Let somebody of the desk, or a number outside, into the room; `coached` is the line of who hears a whisper."""
    role: dict[str, Any] = {}
    if leg.role is LegRole.LISTEN:
        role = {"muted": True}
    elif leg.role is LegRole.WHISPER:
        role = {"coach": coached} if coached else {"muted": True}
    response = VoiceResponse()
    action = f"{settings.public_url}{VOICE_PATH}/agent/left?leg={leg.id}"
    response.append(_into_room(call, queue, settings, action, participant_label=f"leg-{leg.id}", **role))
    return str(response)


def for_caller(call: Call, queue: QueueSettings, settings: Settings) -> str:
    """Let the customer into the room."""
    response = VoiceResponse()
    action = f"{settings.public_url}{VOICE_PATH}/room/left?call={call.id}"
    response.append(_into_room(call, queue, settings, action, participant_label=f"call-{call.id}"))
    return str(response)


def ask_for_key(leg: CallLeg, inbox: Inbox, settings: Settings) -> str:
    """Ask who picks up a telephone to press a key: a mailbox cannot."""
    to = Speaker.to(inbox.settings, public_url=settings.public_url)
    response = VoiceResponse()
    keys = Gather(
        input="dtmf",
        num_digits=1,
        finish_on_key="",  # every key is an answer, the hash key too
        timeout=KEY_SECONDS,
        action=f"{settings.public_url}{VOICE_PATH}/agent/accept?leg={leg.id}",
        method="POST",
    )
    for _ in range(TRIES):
        to.say(keys, to.phrases.press_to_answer)
    response.append(keys)
    response.hangup()
    return str(response)


def back_in_line(call: Call, queue_id: int, inbox: Inbox, why: str, settings: Settings) -> str:
    """Tell the customer that they wait again, and put them into the line."""
    to = Speaker.to(inbox.settings, public_url=settings.public_url, language=call.language)
    words = {
        Back.LOST: to.phrases.lost,
        Back.TRANSFER: to.phrases.handed_on,
        Back.RELEASED: to.phrases.handed_on,
    }
    response = VoiceResponse()
    to.say(response, words.get(Back(why), "") if why in set(Back) else "")
    twiml.add_enqueue(response, to, call=call.id, queue=queue_id, notice=None, record=False)
    return str(response)


def nobody_there(call: Call, inbox: Inbox, settings: Settings) -> str:
    """Tell a customer whom we called, and for whom nobody is there any more, and hang up."""
    to = Speaker.to(inbox.settings, public_url=settings.public_url, language=call.language)
    return twiml.goodbye(to, to.phrases.nobody_now)


def on_hold(queue: QueueSettings, settings: Settings) -> str:
    """Play music to a customer whom the agent has put on hold, until they come back."""
    response = VoiceResponse()
    response.play(queue.music or f"{settings.public_url}{twiml.MUSIC_PATH}", loop=0)
    return str(response)


def over() -> str:
    """Hang up."""
    response = VoiceResponse()
    response.hangup()
    return str(response)


def goodbye(reason: str, inbox: Inbox) -> str:
    """Tell somebody at the desk why there is no call, in the desk's language, and hang up."""
    to = Speaker.to(inbox.settings, public_url="")
    return twiml.goodbye(to, reason_told(reason, to.phrases))


def _into_room(call: Call, queue: QueueSettings, settings: Settings, action: str, **attributes: Any) -> Dial:
    recorded = recording_of_talk(call.id, settings) if queue.record else {}
    dial = Dial(action=action, method="POST")
    dial.conference(
        name_of(call.id),
        beep="false",
        start_conference_on_enter=True,
        end_conference_on_exit=False,
        wait_url="",  # whoever is first hears nothing: the other one comes within a second
        status_callback=f"{settings.public_url}{VOICE_PATH}/conference?call={call.id}",
        status_callback_event=NEWS,
        status_callback_method="POST",
        **recorded,
        **attributes,
    )
    return dial
