"""Say why a ticket came under its policy: what matched, and which policies before it in order did not. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sla.agreement import CONDITIONS, Agreement
from sla.courses import Choice
from sla.facts import Facts
from sla.words import Words

MOST_NAMED = 8  # policies before the one that was chosen


@dataclass(frozen=True)
class Named:
    """What things are called: policies with their versions, and queues."""

    policies: Mapping[int, tuple[str, int]]
    queues: Mapping[int, str]


@dataclass(frozen=True)
class Reasons:
    """Gives reasons in one language. `in_order` returns the policies that were in force at a moment."""

    named: Named
    in_order: Callable[[datetime], Sequence[Agreement]]
    words: Words

    def policy(self, policy_id: int) -> str:
        """Return a policy's name and version."""
        name, version = self.named.policies.get(policy_id, (str(policy_id), 1))
        return self.words.say("version", name=self.words.quoted(name), version=version)

    def why(self, policy_id: int | None, choice: Choice | None, zone: ZoneInfo) -> str:
        """Return a sentence or two; `choice` None: the journal does not tell."""
        if policy_id is None:
            return self.words.say("no_policy")
        candidates = list(self.in_order(choice.at)) if choice else []
        place = next((number for number, one in enumerate(candidates) if one.id == policy_id), None)
        if choice is None or place is None:
            return self.words.say("policy_untold", policy=self.policy(policy_id))
        before = [one for one in candidates[:place] if not one.is_for(choice.facts)]
        return f"{self._chosen(candidates[place], choice, zone)} {self._before(before, choice.facts)}"

    def _chosen(self, chosen: Agreement, choice: Choice, zone: ZoneInfo) -> str:
        moment = self.words.moment(choice.at.astimezone(zone), year=True)
        policy = self.policy(chosen.id)
        if not chosen.conditions:
            return self.words.say("chosen_for_all", policy=policy, moment=moment)
        told = self.words.both([part for name in chosen.conditions for part in self._asked(name, chosen.conditions)])
        return self.words.say("chosen", policy=policy, moment=moment, conditions=told)

    def _before(self, others: Sequence[Agreement], facts: Facts) -> str:
        if not others:
            return self.words.say("none_before")
        told = [self._not_met(one, facts) for one in others[:MOST_NAMED]]
        if len(others) > MOST_NAMED:
            told.append(self.words.say("and_others", count=len(others) - MOST_NAMED))
        return self.words.say("before_it", others="; ".join(told))

    def _not_met(self, one: Agreement, facts: Facts) -> str:
        unmet = [
            part
            for name, wanted in one.conditions.items()
            if not CONDITIONS[name](facts, wanted)
            for part in self._unlike(name, one.conditions, facts)
        ]
        return self.words.say("not_met", policy=self.policy(one.id), conditions=self.words.both(unmet))

    def _asked(self, name: str, conditions: Mapping[str, Any]) -> list[str]:
        return [told for told, _ in self._parts(name, conditions[name])]

    def _unlike(self, name: str, conditions: Mapping[str, Any], facts: Facts) -> list[str]:
        found = []
        for told, key in self._parts(name, conditions[name]):
            if key and CONDITIONS[name](facts, {key: conditions[name][key]}):
                continue
            had = self._had(name, key, facts)
            found.append(self.words.say("unlike" if had else "missing", condition=told, had=had))
        return found

    def _parts(self, name: str, wanted: Any) -> list[tuple[str, str]]:
        """Return what a condition asks for, field by field, each with the field's name; "": it is on no field."""
        if not isinstance(wanted, Mapping):
            return [(self.words.say(f"condition_{name}", values=self.words.either(self._told(name, wanted))), "")]
        return [
            (self.words.say(f"condition_{name}", field=self.words.quoted(key), values=self.words.either(told)), key)
            for key, values in wanted.items()
            for told in [self._told(name, values)]
        ]

    def _told(self, name: str, values: Sequence[Any]) -> list[str]:
        if name == "queue":
            return [self.words.quoted(self.named.queues.get(one, str(one))) for one in values]
        if name == "tag":
            return [self.words.quoted(str(one)) for one in values]
        return [self.words.value(str(one)) for one in values]

    def _had(self, name: str, key: str, facts: Facts) -> str:
        values: Any = {
            "channel": facts.channel,
            "queue": facts.queue_id,
            "priority": facts.priority,
            "language": facts.language,
            "tag": sorted(facts.tags)[:MOST_NAMED],
            "field": facts.fields.get(key),
            "customer_field": facts.customer_fields.get(key),
        }[name]
        listed = values if isinstance(values, list) else [] if values in (None, "") else [values]
        return self.words.both(self._told(name, listed)) if listed else ""
