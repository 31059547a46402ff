"""What can go wrong in the core.

    TicketingError
    ├── NotFound
    ├── NotAllowed
    ├── InvalidInput
    │   ├── InvalidHandle
    │   ├── FileRefused
    │   └── FileTooLarge
    ├── Conflict
    │   ├── InvalidTransition
    │   ├── AlreadyAssigned
    │   ├── StaleVersion
    │   ├── NoReachableChannel
    │   ├── ConsentWithheld
    │   │   └── OptedOut
    │   ├── WindowClosed
    │   ├── AttachmentsNotPossible
    │   ├── FieldsMissing
    │   ├── OnThePhone
    │   ├── Merged
    │   └── Erased
    ├── SenderBlocked
    └── StoreNotReady

Each has a stable `code`, which clients may rely on, and a sentence that helps. `api/errors.py` maps class to status.
"""


class TicketingError(Exception):
    """Something that the caller asked for cannot be done."""

    code = "ticketing_error"


class NotFound(TicketingError):
    """There is no such thing, or the caller may not know that there is."""

    code = "not_found"


class NotAllowed(TicketingError):
    """The caller's role or scope does not permit this."""

    code = "not_allowed"


class InvalidInput(TicketingError):
    """A value makes no sense."""

    code = "invalid_input"


class InvalidHandle(InvalidInput):
    """That is neither a usable email address nor a usable phone number."""

    code = "invalid_handle"


class FileRefused(InvalidInput):
    """That is a program or a script, which this desk does not pass on."""

    code = "file_refused"


class FileTooLarge(InvalidInput):
    """The file has more bytes than this desk takes."""

    code = "too_large"


class Conflict(TicketingError):
    """The thing is not in a state that permits this."""

    code = "conflict"


class InvalidTransition(Conflict):
    """The ticket cannot go from where it is to where it was asked to go."""

    code = "invalid_transition"


class AlreadyAssigned(Conflict):
    """Somebody else has the ticket."""

    code = "already_assigned"


class StaleVersion(Conflict):
    """The ticket changed since the caller read it."""

    code = "stale_version"


class NoReachableChannel(Conflict):
    """The customer cannot be reached on the channel, or on any."""

    code = "no_reachable_channel"


class ConsentWithheld(Conflict):
    """The customer does not want to be written to on the channel."""

    code = "consent_withheld"


class OptedOut(ConsentWithheld):
    """The customer has told our number to write no more."""

    code = "opted_out"


class WindowClosed(Conflict):
    """On this channel the customer may only be answered for a while after they wrote."""

    code = "window_closed"


class AttachmentsNotPossible(Conflict):
    """The channel of the reply cannot carry these files."""

    code = "attachments_not_possible"


class FieldsMissing(Conflict):
    """The ticket lacks custom fields that it needs to be solved."""

    code = "fields_missing"


class OnThePhone(Conflict):
    """The agent is on the phone, or in the wrap-up of a call: one at a time."""

    code = "on_the_phone"


class Merged(Conflict):
    """The customer is the same person as another, who is to be changed instead."""

    code = "merged"


class Erased(Conflict):
    """The customer asked to be forgotten; nothing is known of them any more."""

    code = "erased"


class SenderBlocked(TicketingError):
    """The desk takes nothing from this address."""

    code = "sender_blocked"


class StoreNotReady(TicketingError):
    """The database is not there, or lacks migrations."""

    code = "store_not_ready"
