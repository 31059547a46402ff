"""Who calls: what Twilio puts into `From`, also when the caller withholds the number."""

from ticketing.envelope import HandleKind, Sender
from ticketing.errors import InvalidHandle
from ticketing.handles import fold

# Networks that need digits for a withheld number spell a word on the keypad: ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN,
# UNAVAILABLE, PRIVATE. Some of these would pass for numbers of Lesotho, Russia, Uganda or China.
WITHHELD = frozenset(
    {
        "+266696687",
        "+7378742833",
        "+2562533",
        "+8656696",
        "+86282452253",
        "+7748283",
        "anonymous",
        "restricted",
        "blocked",
        "unknown",
        "unavailable",
        "private",
        "",
    }
)
MAX_NAME = 80


def caller(form: dict[str, str]) -> Sender:
    """Return the caller; the address is "" when the number is withheld, or is none (`sip:…`: that is the name then).

    Nobody is turned away for the number that they call from.
    """
    number, name = form.get("From", "").strip(), form.get("CallerName", "").strip()[:MAX_NAME]
    if is_withheld(number):
        return Sender(HandleKind.PHONE, "", name)
    try:
        fold(HandleKind.PHONE, number)
    except InvalidHandle:
        return Sender(HandleKind.PHONE, "", name or number[:MAX_NAME])
    return Sender(HandleKind.PHONE, number, name)


def is_withheld(number: str) -> bool:
    """Say whether this is one of the stand-ins for a number that the caller does not show."""
    spelled = number.lower()
    return spelled in WITHHELD or f"+{spelled}" in WITHHELD
