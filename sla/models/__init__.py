"""The tables of the SLA engine."""

from sla.models.alerts import Alert, AlertNotice, AlertPreference, Consequence, ConsequenceState
from sla.models.clock import MICROSECOND, Clock, Promise, columns_of, value_of
from sla.models.jobs import JobState, Rearming, Replay, ReplayFlip
from sla.models.rules import SEEN, Calendar, CalendarFeed, Policy, RulesStamp

__all__ = [
    "MICROSECOND",
    "SEEN",
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
    "columns_of",
    "value_of",
]
