"""Judge from a server's words and status whether an address is of no use, or a mail only met an obstacle. Pure."""

import re
from collections.abc import Iterable
from enum import Enum

MAX_WORDS = 4_000  # characters; what is behind is our own mail
MAX_SAID = 400


class Verdict(Enum):
    """What a bounce means for the address."""

    HARD = "hard"  # nobody there: no further mail to this address
    SOFT = "soft"  # full, too large, refused, too late: another mail may arrive
    UNSAID = "unsaid"


# Obstacles first: "user unknown" is also said of a mailbox that is full or of a sender who is blocked.
_OBSTACLES = re.compile(
    r"""(?:mail\ ?box|quota|storage|inbox|account|disk|user).{0,40}(?:\bfull\b|exceed|over\ ?quota|\bquota\b)
      | over\ ?quota | quota\ exceed
      | exceed(?:s|ed|ing)?\ .{0,40}(?:quota|storage|limit|size) | not\ enough\ (?:storage|space)
      | insufficient\ (?:disk|storage|system)
      | mailbox\ (?:is\ )?(?:temporarily|full|over|exceed) | too\ (?:large|big|many|old|long) | size\ limit
      | rate\ limit
      | \bspam\b | black\ ?list | block\ ?list | blocked | \bDNSBL | \bRBL\b | spamhaus | reputation
      | \bSPF\b | \bDKIM\b | \bDMARC\b
      | unsolicited | bulk\ mail | policy | polic(?:y|ies) | prohibited | banned | virus | malware
      | (?:content|attachment)\ rejected
      | rejected\ by\ (?:the\ )?(?:filter|content|organi[sz]ation|recipient) | reverse\ DNS | PTR\ record
      | rDNS | greylist | grey-list
      | relay(?:ing)?\ (?:access\ )?(?:is\ )?(?:denied|prohibited|not) | authentication\ (?:required|fail)
      | not\ authenticated
      | suspended | disabled | inactive | deactivated | on\ hold | (?<!rejected:\ )access\ denied | not\ authori[sz]ed
      | permission | allow\ list | white\ ?list
      | sender\ (?:address\ )?(?:rejected|denied|verify\ failed) | timed?\ ?out | expired
      | connection\ (?:refused|reset|timed|lost)
      | (?:could|can)\ ?not\ connect | unable\ to\ connect | too\ many\ hops | loop(?:s|ing)?\b | retry
      | will\ (?:be\ retried|keep\ trying)
      | temporar(?:y|ily) | try\ again | deferred | system\ (?:error|problem) | local\ configuration
      | unrouteable\ mail\ domain
      | syntax\ error | TLS | certificate | greeting""",
    re.IGNORECASE | re.VERBOSE,
)
_NOBODY = re.compile(
    r"""(?:user|recipient|mailbox|account|address|addressee|member|subscriber|mail\ ?box|alias|customer)
          \W{0,4}(?:[^\s]{0,80}\W{1,4})?(?:is\ |was\ |has\ been\ |name\ is\ |address\ )?(?:
          unknown|invalid|not\ found|not\ exist|unavailable|not\ available
          |does\ ?n[o']t\ exist|do\ not\ exist|not\ known|not\ listed
          |undeliverable|no\ longer|not\ a\ valid|not\ valid|not\ recogni[sz]ed|not\ local)
      | (?:unknown|invalid|no\ such|nonexistent|non-existent|unrecognized|undefined
          |bad|illegal|not\ a\ (?:valid|known)|no\ valid)\ {1,2}
          (?:local\ |virtual\ |mail\ ?|destination\ |e-?mail\ |SMTP\ )?
          (?:user|recipient|mailbox|address|account|addressee|person|alias|customer|host|domain|login)
      | recipient\ (?:address\ )?rejected
      | user\ (?:doesn|does\ not|isn)|does\ not\ have\ an?\ .{0,30}account | doesn't\ have\ an?\ .{0,30}account
      | no\ SMTP\ service | domain\ is\ not\ reachable | userid | check\ if\ address | no\ mail\ ?box
      | not\ our\ customer | address\ (?:rejected|error|not\ found)
      | ResolverRN|RecipNotFound|RecipientNotFound | no\ one\ by\ that
      | user\ not\ (?:found|known) | not\ (?:listed|found)\ in\ .{0,40}(?:directory|address\ book)
      | mailbox\ unavailable | 5\.1\.1\b
      | (?:host|domain|name)\ .{0,60}(?:not\ found|unknown|does\ not\ exist|non-?existent|lookup\ failed)
      | host\ (?:or\ domain\ name\ )?not\ found
      | no\ such\ (?:host|domain) | NXDOMAIN | domain\ (?:name\ )?not\ found | bad\ destination | has\ moved
      | null\ ?MX|does\ not\ accept\ (?:e-?)?mail
      | no\ longer\ (?:exists|employed|valid|in\ use|available) | there\ is\ no\ (?:user|account|one)
      | couldn't\ find\ any\ host | no\ account""",
    re.IGNORECASE | re.VERBOSE,
)

# What settles it, whatever else is said.
_SURELY_OBSTACLES = re.compile(
    r"""command\ output:  # a program of theirs went wrong, whatever it calls the user
      | in\ reply\ to\ (?:end\ of\ )?DATA | after\ end\ of\ data | >>>\ DATA\s  # RCPT TO was accepted
      | recipient\ preferences
      | (?:malformed|unexpected)\ (?:\w+\ ){0,4}(?:name\ server|DNS)\ reply""",
    re.IGNORECASE | re.VERBOSE,
)
_SURELY_NOBODY = re.compile(
    r"""recipient\ address\ rejected:\ access\ denied  # Microsoft 365, of addresses that its directory lacks
      | domain\ is\ not\ reachable | null\ ?MX\b
      | 5\.2\.1\b .{0,200} (?:\buser\ unknown|\bunknown\ user|\bno\ such\ user|does\ not\ exist)""",
    re.IGNORECASE | re.VERBOSE,
)
_BLANKS = re.compile(r"\s+")

_STATUS = re.compile(r"\b[45]\.\d{1,3}\.\d{1,3}\b")

# RFC 3463, 3.2 and 3.5; RFC 7505, 4 (5.1.10): what these say of the address itself. The rest is an obstacle, or says
# nothing.
_NOBODY_STATUS = ("5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.4.4")
_OBSTACLE_STATUS = ("4.", "5.2.", "5.3.", "5.6.", "5.7.", "5.1.7", "5.1.8", "5.1.9")

# Enhanced status codes without their class -> words for the agent. RFC 3463, 3; RFC 7372; RFC 7505.
SENTENCES = {
    "1.1": "The mailbox does not exist",
    "1.2": "The address's domain does not exist, or takes no mail",
    "1.3": "The address is not written as an address can be",
    "1.4": "The address belongs to several mailboxes",
    "1.6": "The mailbox has moved, and nobody says where to",
    "1.7": "The other mail server does not accept our own address",
    "1.8": "The other mail server does not accept our own address",
    "1.10": "The address's domain takes no mail",
    "1": "The address is not accepted",
    "2.1": "The mailbox is switched off, or takes no mail at the moment",
    "2.2": "The mailbox is full",
    "2.3": "The mail is too large for this mailbox",
    "2.4": "The mailing list behind the address does not work",
    "2": "The mailbox takes no mail at the moment",
    "3.1": "The other mail server has no room left",
    "3.2": "The other mail server takes no mail at the moment",
    "3.4": "The mail is too large for the other mail server",
    "3": "The other mail server has a trouble of its own",
    "4.1": "The other mail server does not answer",
    "4.2": "The connection to the other mail server broke",
    "4.4": "There is no way to the other mail server",
    "4.6": "The mail went round in circles",
    "4.7": "The mail could not be delivered in time",
    "4": "The other mail server cannot be reached",
    "5": "The mail servers did not understand each other",
    "6": "The other mail server cannot take a mail of this form",
    "7.20": "The other mail server does not believe that the mail is ours (DKIM)",
    "7.21": "The other mail server does not believe that the mail is ours (DKIM)",
    "7.22": "The other mail server does not believe that the mail is ours (DKIM)",
    "7.23": "The other mail server does not believe that the mail is ours (SPF)",
    "7.24": "The other mail server does not believe that the mail is ours (SPF)",
    "7.25": "The other mail server misses a name for the address of our mail server (reverse DNS)",
    "7.26": "The other mail server does not believe that the mail is ours (SPF, DKIM)",
    "7": "The other mail server refused the mail",
}
# What is said in words only.
_SPOKEN = (
    (re.compile(r"mail ?box.{0,40}\bfull\b|quota|mail ?box exceed", re.IGNORECASE), "2.2"),
    (re.compile(r"too (?:large|big)|size limit", re.IGNORECASE), "3.4"),
    (re.compile(r"too many hops|\bloop", re.IGNORECASE), "4.6"),
    (re.compile(r"spam|block ?list|black ?list|blocked|polic(?:y|ies)|DMARC|\bSPF\b|DKIM", re.IGNORECASE), "7"),
)
NOBODY_THERE = "There is nobody at this address"
NO_MORE_SAID = "The mail could not be delivered"
STILL_TRIED = "; it is still tried"


def diagnose(words: Iterable[str], status: str, *, delayed: bool = False) -> Verdict:
    """Return what a bounce means; `words` are what was said, the most exact first, `status` RFC 3463 or ""."""
    if delayed or status.startswith("4."):  # a persistent transient failure, RFC 3463, 2
        return Verdict.SOFT
    texts = [_BLANKS.sub(" ", text[:MAX_WORDS]) for text in words]
    for surely, verdict in ((_SURELY_OBSTACLES, Verdict.SOFT), (_SURELY_NOBODY, Verdict.HARD)):
        if any(surely.search(text) for text in texts):
            return verdict
    for text in texts:
        verdict = _said(text, status)
        if verdict is not Verdict.UNSAID:
            return verdict
    return _by_status(status)


def explain(status: str, verdict: Verdict, words: str, *, delayed: bool = False) -> str:
    """Say what happened as an agent reads it: `The mailbox does not exist (5.1.1): 550 no such user`."""
    told = _sentence(status, verdict, words) + (f" ({status})" if status else "")
    said = " ".join(words.split())[:MAX_SAID]
    return f"{told}{STILL_TRIED if delayed else ''}{f': {said}' if said else ''}"


def _sentence(status: str, verdict: Verdict, words: str) -> str:
    detail = status.partition(".")[2]
    if not detail or detail.startswith("0."):
        detail = next((code for said, code in _SPOKEN if said.search(words[:MAX_WORDS])), "")
    if verdict is Verdict.HARD and status not in _NOBODY_STATUS[1:]:
        return NOBODY_THERE
    return SENTENCES.get(detail) or SENTENCES.get(detail.partition(".")[0]) or NO_MORE_SAID


def _said(text: str, status: str) -> Verdict:
    if any(_by_status(found) is Verdict.SOFT for found in _STATUS.findall(text)) and not status.startswith("5.4"):
        return Verdict.SOFT
    if _by_status(status) is Verdict.HARD and _NOBODY.search(text):
        return Verdict.HARD
    if _OBSTACLES.search(text):
        return Verdict.SOFT
    return Verdict.HARD if _NOBODY.search(text) else Verdict.UNSAID


def _by_status(status: str) -> Verdict:
    if status in _NOBODY_STATUS:
        return Verdict.HARD
    return Verdict.SOFT if status.startswith(_OBSTACLE_STATUS) else Verdict.UNSAID
