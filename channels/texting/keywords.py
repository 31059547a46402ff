"""The words by which a customer says that they want no more messages, or want them again. Pure.

Twilio's own words, to which it answers by itself and keeps a list of its own: support.twilio.com, article 223134027.
Where its Advanced Opt-Out is on, `OptOutType` says what it took a message for, whatever the word:
https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out. HELP and INFO are no such words to us: who writes
"help" to a desk wants help, and gets a ticket.
"""

import unicodedata
from collections.abc import Mapping

from ticketing.envelope import Channel, Opting

# The only words that nobody writes to a desk for another reason. ARRET(E) is what Canada's operators ask for in French.
UNMISTAKABLE = dict.fromkeys(("STOP", "STOPALL", "STOP ALL", "UNSUBSCRIBE", "OPTOUT", "ARRET", "ARRETE"), Opting.OUT)
TWILIOS = {
    **UNMISTAKABLE,
    **dict.fromkeys(("CANCEL", "END", "QUIT", "REVOKE"), Opting.OUT),  # Twilio sends nothing more after these either
    **dict.fromkeys(("START", "UNSTOP"), Opting.IN),
    "YES": Opting.IN_IF_OUT,  # else it answers a question
}
WORDS = {
    Channel.SMS: TWILIOS,
    Channel.WHATSAPP: {**UNMISTAKABLE, "START": Opting.IN, "UNSTOP": Opting.IN},  # where Twilio keeps no list
}
SAID = {"STOP": Opting.OUT, "START": Opting.IN, "HELP": None}  # OptOutType
AROUND = " \t\r\n.!?,;:\"'«»“”’"
LONGEST = 20


def opting(channel: Channel, form: Mapping[str, str]) -> Opting | None:
    """Return what a message says of further messages; None: nothing."""
    said = form.get("OptOutType", "").strip().upper()
    if said in SAID:
        return SAID[said]
    body = form.get("Body", "")
    return WORDS[channel].get(_folded(body)) if len(body) <= LONGEST else None


def _folded(text: str) -> str:
    """Return a text in capitals, without accents, and what stands around it."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return " ".join(plain.strip(AROUND).upper().split())
