"""The tables of the SLA engine."""

from sla.models.alerts import Alert, AlertNotice, AlertPreference, Consequence, ConsequenceState
from sla.models.clock import MICROSECOND, Clock, Promise
from sla.models.jobs import JobState, Rearming, Replay, ReplayFlip
from sla.models.rules import Calendar, CalendarFeed, Policy, RulesStamp

__all__ = [
    "MICROSECOND",
    "Alert",
    "AlertNotice",
    "AlertPreference",
    "Calendar",
    "CalendarFeed",
    "Clock",
    "Consequence",
    "ConsequenceState",
    "JobState",
    "Policy",
    "Promise",
    "Rearming",
    "Replay",
    "ReplayFlip",
    "RulesStamp",
]
