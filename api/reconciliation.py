"""Ask Twilio for what no webhook told us: a worker's job."""

from channels import reconciling
from ticketing.moment import utc_now


def reconcile(_all: int = 0) -> None:
    """Take in what is missing. Safe to call twice, and by several at once."""
    reconciling.reconcile(utc_now)
