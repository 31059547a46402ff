"""What a policy may want done is checked in words that help whoever wrote it."""

from typing import Any

import pytest

from sla.actions import check_action, named_in
from sla.errors import InvalidPolicy

GOOD = [
    {"kind": "notify", "to": ["assignee", "supervisors", "members", 7], "by": ["mail", "sms", "webhook"]},
    {"kind": "notify", "to": [1]},
    {"kind": "raise_priority", "to": "urgent"},
    {"kind": "move", "queue": 3},
    {"kind": "assign", "agent": 7},
    {"kind": "tag", "tags": ["late", "À faire"]},
    {"kind": "webhook", "url": "https://hooks.example:8443/late?desk=1"},
]


@pytest.mark.parametrize("action", GOOD, ids=lambda one: str(one["kind"]))
def test_what_can_be_done_is_let_through(action: dict[str, Any]) -> None:
    check_action(action, "resolution")


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        pytest.param("notify", "an action is an object with a kind, not 'notify'", id="no object"),
        pytest.param({}, "there is no action None; there are notify, raise_priority", id="no kind"),
        pytest.param({"kind": ["notify"]}, "there is no action ['notify']", id="kind that is a list"),
        pytest.param({"kind": "page"}, "there is no action 'page'", id="unknown kind"),
        pytest.param({"kind": "notify"}, "notify needs to", id="nobody to notify"),
        pytest.param({"kind": "notify", "to": []}, "to is a list of 1 to 50", id="nobody in the list"),
        pytest.param({"kind": "notify", "to": "assignee"}, "to is a list of 1 to 50", id="a word for a list"),
        pytest.param({"kind": "notify", "to": ["boss"]}, "and agents' ids, not 'boss'", id="unknown recipient"),
        pytest.param({"kind": "notify", "to": [True]}, "and agents' ids, not True", id="a truth for an id"),
        pytest.param({"kind": "notify", "to": [[]]}, "and agents' ids, not []", id="a list for an id"),
        pytest.param({"kind": "notify", "to": [1], "by": "sms"}, "by is a list of mail, sms, webhook", id="by no list"),
        pytest.param({"kind": "notify", "to": [1], "by": ["fax"]}, "in the app it always is", id="unknown medium"),
        pytest.param({"kind": "raise_priority", "to": "huge"}, "to is one of low, normal", id="unknown priority"),
        pytest.param({"kind": "move", "queue": "Sales"}, "queue is an id, a whole number from 1", id="name for an id"),
        pytest.param({"kind": "assign", "agent": 2**63}, "agent is an id", id="id that no database takes"),
        pytest.param({"kind": "assign", "agent": 1, "steal": True}, "assign takes agent, not steal", id="unknown key"),
        pytest.param({"kind": "tag", "tags": [" "]}, "a tag has 1 to 60 characters", id="blank tag"),
        pytest.param({"kind": "tag", "tags": ["a\x00"]}, "a tag has 1 to 60 characters", id="tag that no store takes"),
        pytest.param({"kind": "webhook", "url": "http://a.example"}, "begins with https:// and a host", id="not safe"),
        pytest.param({"kind": "webhook", "url": "https:///x"}, "begins with https:// and a host", id="no host"),
        pytest.param({"kind": "webhook", "url": "https://u:p@a.example"}, "must not hold a password", id="password"),
        pytest.param({"kind": "webhook", "url": "https://a.example:x/"}, "is no address", id="no port"),
        pytest.param({"kind": "webhook", "url": "https://a.example/ b"}, "without blanks", id="blank"),
        pytest.param({"kind": "webhook", "url": "https://a/" + "x" * 2000}, "at most 2000 characters", id="huge"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words_that_help(action: Any, sentence: str) -> None:
    with pytest.raises(InvalidPolicy) as refused:
        check_action(action, "resolution, step 2")

    assert str(refused.value).startswith("resolution, step 2: ")
    assert sentence in str(refused.value)


def test_the_queues_and_agents_that_are_named_can_be_looked_up() -> None:
    assert named_in(GOOD) == ({3}, {1, 7})
