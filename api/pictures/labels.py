"""What a report's rows and its time are called in a picture."""

from datetime import timedelta

from api.pictures.words import day, word
from sla.reports.groups import Group
from sla.reports.question import Dimension, Question

INSTANT = timedelta(microseconds=1)


def time_of(question: Question, language: str) -> str:
    """Return the time that a report covers, as people say it: the last day is the last one that is in it."""
    begins = question.since.astimezone(question.zone).date()
    ends = (question.until - INSTANT).astimezone(question.zone).date()
    shown = {"begins": day(begins, language, year=True), "ends": day(ends, language, year=True)}
    return word("span", language, zone=question.zone.key, **shown)


def name_of(group: Group, question: Question, language: str) -> str:
    """Return what a row is about, in the order in which it was asked."""
    return " · ".join(_part(one, group, language) for one in question.by)


def _part(dimension: Dimension, group: Group, language: str) -> str:
    if dimension is Dimension.POLICY:
        return f"{group.policy.name} {group.policy.version}" if group.policy else word("no_policy", language)
    if dimension is Dimension.QUEUE and group.queue:
        return group.queue.name
    if dimension is Dimension.AGENT:
        return group.agent.name if group.agent else word("nobody", language)
    named = {
        Dimension.METRIC: group.metric,
        Dimension.CHANNEL: group.channel,
        Dimension.PRIORITY: group.priority,
    }.get(dimension)
    if named:
        return word(named, language)
    return day(group.period, language, year=True) if group.period else ""
