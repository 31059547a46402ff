"""Judge from a server's words and status whether an address is of no use, or a mail only met an obstacle. Pure."""

import re
from collections.abc import Iterable
from enum import Enum


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

_STATUS = re.compile(r"\b[45]\.\d{1,3}\.\d{1,3}\b")

# RFC 3463, 3.2 and 3.5: what these codes say of the address itself. The rest is an obstacle, or says nothing.
_NOBODY_STATUS = ("5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.4.4")
_OBSTACLE_STATUS = ("4.", "5.2.", "5.3.", "5.6.", "5.7.", "5.1.7", "5.1.8", "5.1.9")


def diagnose(words: Iterable[str], status: str, *, delayed: bool = False) -> Verdict:
    """Return what a bounce means; `words` are what was said, the most exact first, `status` RFC 3463 or ""."""
    if delayed or status.startswith("4."):  # a persistent transient failure, RFC 3463, 2
        return Verdict.SOFT
    for text in words:
        verdict = _said(text[:4_000], status)
        if verdict is not Verdict.UNSAID:
            return verdict
    return _by_status(status)


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
