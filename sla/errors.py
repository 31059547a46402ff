"""What can go wrong with working hours and policies.

    TicketingError
    └── InvalidInput
        ├── InvalidCalendar
        ├── InvalidPolicy
        ├── NeverOpen
        └── OutOfReach

Each has a stable `code`, as all of the core's errors have.
"""

from ticketing.errors import InvalidInput


class InvalidCalendar(InvalidInput):
    """The definition of a calendar makes no sense."""

    code = "invalid_calendar"


class InvalidPolicy(InvalidInput):
    """The definition of a policy makes no sense."""

    code = "invalid_policy"


class NeverOpen(InvalidInput):
    """The desk does not open within a year, so nothing can fall due."""

    code = "never_open"


class OutOfReach(InvalidInput):
    """The moment lies centuries away, where no calendar is reckoned."""

    code = "out_of_reach"
