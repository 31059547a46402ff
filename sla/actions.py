"""What a policy may want done at a step of a clock: the kinds of action, and what each of them needs. Pure.

    {"kind": "notify", "to": ["assignee", "supervisors", "members", 7], "by": ["mail", "sms", "webhook"]}
    {"kind": "raise_priority", "to": "urgent"}
    {"kind": "move", "queue": 3}
    {"kind": "assign", "agent": 7}
    {"kind": "tag", "tags": ["late"]}
    {"kind": "webhook", "url": "https://hooks.example/late"}

A notice is always in the app; `by` names the other ways, and reaches those who want to be reached so. Whether the
queues and agents that are named exist, only the store knows: `named_in` lists them.
"""

import re
import reprlib
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from sla.errors import InvalidPolicy
from ticketing.status import Priority


class Recipients(StrEnum):
    """Whom a notice is for, where it names no agent."""

    ASSIGNEE = "assignee"
    SUPERVISORS = "supervisors"  # who work the ticket's queue
    MEMBERS = "members"  # of the ticket's queue


class Medium(StrEnum):
    """How a notice leaves the house."""

    MAIL = "mail"
    SMS = "sms"
    WEBHOOK = "webhook"


MOST_RECIPIENTS = 50
MOST_TAGS = 20
LONGEST_TAG = 60
LONGEST_URL = 2000
_BLANK = re.compile(r"[\s\x00-\x20\x7f]")


def check_action(action: Any, where: str) -> None:
    """Raise InvalidPolicy unless this is an action as this module's docstring shows them.

    `where` begins the sentence, such as "resolution, step 2".
    """
    if not isinstance(action, Mapping):
        raise InvalidPolicy(f"{where}: an action is an object with a kind, not {_shown(action)}")
    kind = action.get("kind")
    known = KINDS.get(kind) if isinstance(kind, str) else None
    if known is None:
        raise InvalidPolicy(f"{where}: there is no action {_shown(kind)}; there are {', '.join(KINDS)}")
    needed, optional, check = known
    keys = set(action) - {"kind"}
    if not needed <= keys:
        raise InvalidPolicy(f"{where}: {kind} needs {_listed(needed - keys)}")
    if keys - needed - optional:
        unknown = _listed(str(key) for key in keys - needed - optional)
        raise InvalidPolicy(f"{where}: {kind} takes {_listed(needed | optional)}, not {unknown[:100]}")
    check(action, f"{where}: {kind}")


def named_in(actions: Iterable[Mapping[str, Any]]) -> tuple[set[int], set[int]]:
    """Return the ids of the queues and of the agents that these actions name; they have been checked."""
    queues, agents = set[int](), set[int]()
    for action in actions:
        if action["kind"] == "move":
            queues.add(action["queue"])
        elif action["kind"] == "assign":
            agents.add(action["agent"])
        elif action["kind"] == "notify":
            agents.update(one for one in action["to"] if isinstance(one, int))
    return queues, agents


def check_webhook_url(url: Any, where: str) -> str:
    """Return an address to which we may post, as far as its words can tell. Raises InvalidPolicy.

    Whether it is a public one is found out whenever something is posted there.
    """
    if not isinstance(url, str) or len(url) > LONGEST_URL or _BLANK.search(url):
        raise InvalidPolicy(f"{where}: the address is a URL of at most {LONGEST_URL} characters without blanks")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise InvalidPolicy(f"{where}: {_shown(url)} is no address") from None
    if parts.scheme != "https" or not parts.hostname:
        raise InvalidPolicy(f"{where}: the address begins with https:// and a host, unlike {_shown(url)}")
    if parts.username is not None or parts.password is not None:
        raise InvalidPolicy(f"{where}: the address must not hold a password; each post is signed instead")
    return url


def _check_notify(action: Mapping[str, Any], where: str) -> None:
    to = action["to"]
    if not isinstance(to, list) or not 0 < len(to) <= MOST_RECIPIENTS:
        raise InvalidPolicy(f"{where}: to is a list of 1 to {MOST_RECIPIENTS} of {_listed(Recipients)} and agents' ids")
    for one in to:
        if not _is_id(one) and not (isinstance(one, str) and one in set(Recipients)):
            raise InvalidPolicy(f"{where}: to knows {', '.join(Recipients)} and agents' ids, not {_shown(one)}")
    by = action.get("by", [])
    if not isinstance(by, list):
        raise InvalidPolicy(f"{where}: by is a list of {_listed(Medium)}, not {_shown(by)}")
    for one in by:
        if not (isinstance(one, str) and one in set(Medium)):
            raise InvalidPolicy(f"{where}: by knows {', '.join(Medium)}, not {_shown(one)}; in the app it always is")


def _check_raise(action: Mapping[str, Any], where: str) -> None:
    if not (isinstance(action["to"], str) and action["to"] in set(Priority)):
        raise InvalidPolicy(f"{where}: to is one of {', '.join(Priority)}, not {_shown(action['to'])}")


def _check_move(action: Mapping[str, Any], where: str) -> None:
    _must_be_id(action["queue"], f"{where}: queue")


def _check_assign(action: Mapping[str, Any], where: str) -> None:
    _must_be_id(action["agent"], f"{where}: agent")


def _check_tag(action: Mapping[str, Any], where: str) -> None:
    tags = action["tags"]
    if not isinstance(tags, list) or not 0 < len(tags) <= MOST_TAGS:
        raise InvalidPolicy(f"{where}: tags is a list of 1 to {MOST_TAGS} tags")
    for tag in tags:
        if not isinstance(tag, str) or not 0 < len(tag.strip()) <= LONGEST_TAG or "\x00" in tag:
            raise InvalidPolicy(f"{where}: a tag has 1 to {LONGEST_TAG} characters, unlike {_shown(tag)}")


def _check_webhook(action: Mapping[str, Any], where: str) -> None:
    check_webhook_url(action["url"], where)


def _must_be_id(value: Any, where: str) -> None:
    if not _is_id(value):
        raise InvalidPolicy(f"{where} is an id, a whole number from 1, not {_shown(value)}")


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63


def _shown(value: Any) -> str:
    return reprlib.repr(value)  # which neither goes deep nor on for long, whatever somebody sends


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


Check = Callable[[Mapping[str, Any], str], None]

# Kind -> the keys that it needs, those that it may have, and what they must be.
KINDS: Mapping[str, tuple[frozenset[str], frozenset[str], Check]] = {
    "notify": (frozenset({"to"}), frozenset({"by"}), _check_notify),
    "raise_priority": (frozenset({"to"}), frozenset(), _check_raise),
    "move": (frozenset({"queue"}), frozenset(), _check_move),
    "assign": (frozenset({"agent"}), frozenset(), _check_assign),
    "tag": (frozenset({"tags"}), frozenset(), _check_tag),
    "webhook": (frozenset({"url"}), frozenset(), _check_webhook),
}
