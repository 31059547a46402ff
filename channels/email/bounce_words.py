"""Look at the words of mail servers that know no standard: who speaks, what is said, which addresses are named. Pure.

flufl.bounce knows the forms of many; it is not made for hostile mail, so it is shown a shortened copy.
"""

import re
from collections.abc import Iterable
from email import message_from_bytes

from flufl.bounce import all_failures

from channels.email.mime import ParsedMail
from channels.email.reports import ADDRESS, MAX_REPORT_BYTES

MAX_PARAGRAPHS = 300
MAX_SCANNED_LINE = 400  # characters; an address and what stands around it

_LINE_ABOUT = re.compile(r"^\s{0,8}<([^<>\s]{1,320})>(?: \([^()\n]{1,400}\))?:", re.MULTILINE)
# The scanner's patterns take quadratic time over long lines and blanks, and it reads every paragraph of a report anew.
_LONG_BLANKS = re.compile(rb"([ \t])[ \t]{40,}")
_EMPTY_LINES = re.compile(rb"\n(?:[ \t\r]{0,50}\n){3,}")
_LONG_LINE = re.compile(rb"([^\n]{%d})[^\n]+" % MAX_SCANNED_LINE)
_PARAGRAPH = re.compile(rb"\n(?=[ \t\r]{0,50}\n)")
_QUOTED = re.compile(r"^[ \t]*>(?!>>).*\n?", re.MULTILINE)
_DAEMON = re.compile(
    r"(?:mailer-?daemon|post_?master|mail-?delivery|bounce-?handler|mdaemon|mailerdaemon)[\w.+-]*@", re.IGNORECASE
)
_DAEMON_NAME = re.compile(r"mail(?:er)?[- ]?(?:delivery|daemon)|postmaster|mail delivery (?:sub)?system", re.IGNORECASE)
NOT_DELIVERED = re.compile(
    r"""(?:could|can|was|were)\ ?(?:not|n't)\ (?:be\ )?(?:delivered|sent) | undeliverable
      | deliver(?:y|ing)\ .{0,40}fail | automatically\ rejected
      | unable\ to\ deliver | giving\ up | "notificationType":"Bounce" | addresses\ .{0,20}(?:fail|incorrect)
      | failed\ to\ deliver""",
    re.IGNORECASE | re.VERBOSE,
)
BOUNCED_SUBJECT = re.compile(
    r"""undeliver | (?:return|reject)ed\ mail
      | (?:mail|message)s?\ (?:status|delivery|could\ not|not\ delivered|returned)
      | delivery\ (?:status|failure|failed|notification|problem|error|report|has\ failed|unsuccess)
      | failure\ notice
      | could\ ?n[o']t\ (?:be\ delivered|deliver) | (?:failed|unable)\ to\ deliver | non[- ]?delivery
      | bounced?\ (?:mail|message)
      | returned\ to\ sender | nondeliverable | unzustellbar | non\ remis
      | (?:[ée]chec|rapport)\ de\ (?:la\ )?remise
      | nicht\ zugestellt | no\ se\ puede\ entregar | mancato\ recapito | notificatie\ .{0,20}bezorging
      | недоставлен
      | failed\ mail | mail\ failure | (?:automatically\ )?rejected\ mail | 配信不能 | 配信エラー | 退信""",
    re.IGNORECASE | re.VERBOSE,
)


def is_from_daemon(mail: ParsedMail) -> bool:
    """Say whether the author calls itself a mail server, by address or by name."""
    if mail.sender is None:
        return bool(_DAEMON_NAME.search(mail.headers.first("from")))
    return bool(_DAEMON.match(mail.sender.address + "@") or _DAEMON_NAME.search(mail.sender.name))


def scanned(mail: ParsedMail) -> tuple[list[str], list[str]]:
    """Return the addresses that flufl.bounce finds: (may still arrive, will not)."""
    short = _LONG_LINE.sub(rb"\1", _LONG_BLANKS.sub(rb"\1\1\1", mail.root.raw[:MAX_REPORT_BYTES]))
    short = b"\n".join(_PARAGRAPH.split(_EMPTY_LINES.sub(b"\n\n\n", short), MAX_PARAGRAPHS)[:MAX_PARAGRAPHS])
    try:
        temporary, permanent = all_failures(message_from_bytes(short))
    except (AttributeError, IndexError, KeyError, LookupError, RecursionError, TypeError, ValueError):
        return [], []  # it is not made for hostile mail
    return _as_texts(temporary), _as_texts(permanent)


def _as_texts(addresses: Iterable[bytes | str]) -> list[str]:
    texts = (one if isinstance(one, str) else one.decode("utf-8", "replace") for one in addresses)
    found = (ADDRESS.search(text[:1_000]) for text in texts)
    return sorted({one[0] for one in found if one})


def named(words: str, mail: ParsedMail) -> list[str]:
    """Return the addresses in the words, those with a line of their own first; our own is not the one that failed."""
    ours = {one.address.casefold() for one in mail.to}
    found = [*_LINE_ABOUT.findall(words), *ADDRESS.findall(words)]
    return [one for one in found if one.casefold() not in ours]


def human_words(mail: ParsedMail) -> str:
    """Return what the server says before it repeats our own mail, at most 4,000 characters, without quoted lines."""
    text = _QUOTED.sub("", mail.text[:20_000])
    return _COPY.split(text, maxsplit=1)[0][:4_000]


_COPY = re.compile(
    r"""^[ \t>*-]*(?:
        (?:this\ is\ a\ copy|original\ message|below\ this\ line|included\ is\ a\ copy|returned\ message
      | message\ header
      | unsent\ message|original\ mail|the\ body\ of\ the\ (?:mail|message)|a\ copy\ of\ (?:the|your)) .*
      | (?:received|return-path|mime-version|message-id|x-mailer|dkim-signature)\s*:.* )$""",
    re.IGNORECASE | re.VERBOSE | re.MULTILINE,
)
