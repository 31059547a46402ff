"""Twilio's error codes in words for an agent, and what follows from each. Pure.

The same codes come as refusals of the REST API and, later, in the callbacks on a message. Each has a page of its own,
https://www.twilio.com/docs/api/errors/30003 and its sisters, and https://www.twilio.com/docs/api/errors lists them all.
"""

from dataclasses import dataclass
from enum import StrEnum

MAX_WORDS = 200


class Upshot(StrEnum):
    """What follows from a trouble."""

    FINAL = "final"  # the same message would fail again, or nobody knows
    AGAIN = "again"  # it surely has not reached anybody, and what is in its way passes within the hour
    DEAD = "dead"  # no text message will ever arrive at that number
    OPTED_OUT = "opted_out"  # the customer wants none


@dataclass(frozen=True)
class Trouble:
    """What went wrong, in words."""

    words: str
    upshot: Upshot = Upshot.FINAL


TROUBLES = {
    # The account, ours to mend.
    10001: Trouble("our account at Twilio is not active"),
    14107: Trouble("too many messages to this customer within seconds", Upshot.AGAIN),
    20003: Trouble("our account at Twilio may not do this"),
    20429: Trouble("Twilio asks us to slow down", Upshot.AGAIN),
    21408: Trouble("our account may not send to the customer's country; Twilio's Console permits it"),
    21608: Trouble("our account is on trial and sends to verified numbers only"),
    30002: Trouble("our account at Twilio is suspended"),
    63038: Trouble("our account has sent as many messages as it may in a day"),
    # The customer's number.
    21211: Trouble("that is no valid phone number", Upshot.DEAD),
    21265: Trouble("that is a short code, to which we cannot write"),
    21610: Trouble("the customer has opted out by writing STOP", Upshot.OPTED_OUT),
    21612: Trouble("there is no way from our number to the customer's"),
    21614: Trouble("that is no mobile phone's number", Upshot.DEAD),
    21635: Trouble("that is a landline, which takes no text messages", Upshot.DEAD),
    # Our number.
    21606: Trouble("our number cannot send text messages, or is not our account's"),
    21611: Trouble("too many messages wait at Twilio for our number", Upshot.AGAIN),
    21659: Trouble("our number is no number of our account"),
    21660: Trouble("our number is another account's"),
    21703: Trouble("the messaging service has no number to send from"),
    21704: Trouble("the messaging service has no numbers"),
    21705: Trouble("there is no such messaging service at Twilio; look at the inbox's settings"),
    21712: Trouble("that number is not in the messaging service's pool"),
    30024: Trouble("our number is not set up at the operator yet"),
    30032: Trouble("our toll-free number is not verified yet"),
    30034: Trouble("our number is not registered for messages to the United States (A2P 10DLC)"),
    # The message.
    21602: Trouble("the message has no words"),
    21605: Trouble("the message is too long for one part"),
    21617: Trouble("the message has more than 1600 characters"),
    21619: Trouble("the message has neither words nor files"),
    21620: Trouble("the address of a file cannot be used; COMPTOIR_PUBLIC_URL must be one that Twilio reaches"),
    21623: Trouble("the message has more than 10 files"),
    21655: Trouble("the template's ContentSid is none; look at the inbox's settings"),
    21656: Trouble("the template's variables make no sense to Twilio"),
    12300: Trouble("Twilio does not take a file of that type"),
    11200: Trouble("Twilio could not fetch the file from us; COMPTOIR_PUBLIC_URL must be one that it reaches"),
    11751: Trouble("the files are larger than the operator takes"),
    30011: Trouble("the customer's operator takes no pictures"),
    30019: Trouble("the files are larger than the customer's operator takes"),
    30039: Trouble("the message was taken for one of a loop"),
    # On the way.
    30001: Trouble("too many messages waited at Twilio, and this one was dropped", Upshot.AGAIN),
    30003: Trouble("the phone is switched off or out of reach"),
    30004: Trouble("the customer or their operator blocks our messages"),
    30005: Trouble("nobody has that number, or it is no longer in use", Upshot.DEAD),
    30006: Trouble("that number is a landline, or its operator takes no text messages", Upshot.DEAD),
    30007: Trouble("an operator on the way, or Twilio, took it for spam"),
    30008: Trouble("it was lost on the way, nobody says why"),
    30010: Trouble("it would have cost more than we are ready to pay"),
    30017: Trouble("the operator's network was overloaded", Upshot.AGAIN),
    30018: Trouble("the operator there wants our sender to be registered first"),
    30022: Trouble("we sent more than the operators permit, and it was refused", Upshot.AGAIN),
    30023: Trouble("we have sent as many messages to that operator as we may in a day"),
    30036: Trouble("it waited too long at Twilio and was given up"),
    30410: Trouble("the operator did not answer; it may have arrived all the same"),
    30450: Trouble("Twilio suspects that somebody has messages sent to earn by them"),
    30500: Trouble("Twilio had trouble of its own; it may have arrived all the same"),
    # WhatsApp.
    63003: Trouble("that number has no WhatsApp, or is written wrongly"),
    63005: Trouble("WhatsApp does not take what is in the message"),
    63007: Trouble("our number is no WhatsApp sender of our account"),
    63012: Trouble("WhatsApp had trouble of its own; it may have arrived all the same"),
    63013: Trouble("WhatsApp calls it against its rules"),
    63014: Trouble("the customer has blocked us"),
    63015: Trouble("the customer has to join Twilio's WhatsApp sandbox first"),
    63016: Trouble("the customer wrote more than 24 hours ago; only an approved template may be sent"),
    63017: Trouble("we sent too many messages at once", Upshot.AGAIN),
    63018: Trouble("we sent more by WhatsApp than we may in a day"),
    63019: Trouble("WhatsApp could not fetch or take the file"),
    63020: Trouble("our WhatsApp business account is not in order; Meta's Business Manager says why"),
    63021: Trouble("WhatsApp calls the message invalid"),
    63024: Trouble("that number has no WhatsApp"),
    63025: Trouble("WhatsApp has the file already"),
    63027: Trouble("there is no such template in that language"),
    63028: Trouble("the template wants another number of variables"),
    63029: Trouble("WhatsApp could not find the template's words"),
    63030: Trouble("WhatsApp does not know a part of the message"),
    63031: Trouble("our number and the customer's are the same"),
    63032: Trouble("WhatsApp limits what this customer gets from businesses"),
    63033: Trouble("the customer has blocked us"),
    63034: Trouble("the file is larger than WhatsApp takes"),
    63040: Trouble("WhatsApp has rejected the template"),
    63041: Trouble("WhatsApp has paused the template for its quality"),
    63042: Trouble("WhatsApp has switched the template off for its quality"),
    63049: Trouble("Meta chose not to deliver this marketing message"),
    63051: Trouble("our WhatsApp business account is locked"),
}


def of_code(code: str | int | None) -> Trouble | None:
    """Return what is known of an error code, which may be anything; None: nothing."""
    text = str(code or "").strip()
    return TROUBLES.get(int(text)) if text.isascii() and text.isdecimal() and len(text) <= 6 else None


def told(code: str | int | None, words: str = "") -> str:
    """Return what an agent reads of a trouble; `words` are Twilio's own, for one that is not in the table."""
    trouble = of_code(code)
    said = trouble.words if trouble is not None else words[:MAX_WORDS] or "it did not arrive"
    return f"{said} (Twilio's error {str(code)[:10]})" if code else said
