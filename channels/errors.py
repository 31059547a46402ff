"""What can go wrong between us and a provider.

ChannelError
├── InvalidSignature     whoever sent this is not the provider (403)
├── MalformedPayload     theirs is broken (400, kept in quarantine)
├── UnsupportedPayload   theirs is fine, we do not need it (2xx)
│   └── AboutTheForgotten    it is about somebody who asked to be forgotten
├── TransientFailure     try again later; the provider surely has not taken it
├── PermanentFailure     never try again: record it, show the agent
│   └── ChannelNotSetUp  this desk has no such channel
└── OutcomeUnknown       the provider may have taken it; nobody can tell, so it is not sent again
"""

from datetime import timedelta


class ChannelError(Exception):
    """Something between us and a provider did not work."""

    code = "channel_error"


class InvalidSignature(ChannelError):
    """The request is not from who it says it is from."""

    code = "invalid_signature"


class MalformedPayload(ChannelError):
    """The payload cannot be read."""

    code = "malformed_payload"


class UnsupportedPayload(ChannelError):
    """The payload is well-formed and means nothing to us."""

    code = "unsupported_payload"


class AboutTheForgotten(UnsupportedPayload):
    """The payload is about somebody who asked to be forgotten: nothing of it is kept."""


class TransientFailure(ChannelError):
    """Not now; `retry_after` None leaves the wait to us."""

    code = "transient_failure"

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PermanentFailure(ChannelError):
    """Never.

    `status` is an enhanced status code (RFC 3463), "" where none was said. `dead_address`: the provider says that there
    is nobody at the address, so no other message will arrive there either. `opted_out`: whoever is there wants none.
    """

    code = "permanent_failure"

    def __init__(self, message: str, *, status: str = "", dead_address: bool = False, opted_out: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.dead_address = dead_address
        self.opted_out = opted_out


class ChannelNotSetUp(PermanentFailure):
    """This desk has no such channel."""

    code = "channel_not_set_up"


class OutcomeUnknown(ChannelError):
    """The connection ended between our last word and the provider's answer."""

    code = "outcome_unknown"
