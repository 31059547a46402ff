"""Read what a mail provider reports of a recipient who called our mail spam, or the like (ARF, RFC 5965). Pure."""

from dataclasses import dataclass

from channels.email.mime import ParsedMail
from channels.email.reports import COMPLAINT, blocks, report_type, returned_id

# RFC 5965, 7.3: what a person meant. Reports of checks that failed (RFC 6591), of viruses, and that something is no
# spam after all (RFC 6430) are no complaints.
COMPLAINTS = {
    "abuse": "The recipient called this mail spam",
    "fraud": "The recipient called this mail a fraud",
    "opt-out": "The recipient wants no more mail",
    "other": "The recipient complained of this mail",
}


@dataclass(frozen=True)
class Complaint:
    """What a recipient said of a mail. `reason` is for an agent to read, "" where nobody complains."""

    reason: str
    message_id: str | None


def read_complaint(mail: ParsedMail) -> Complaint | None:
    """Return what a report of feedback says, None when the mail is none."""
    if report_type(mail) != "feedback-report":
        return None
    types = [block.first("feedback-type").strip().lower() for block in blocks(mail, COMPLAINT)]
    return Complaint(next((COMPLAINTS[one] for one in types if one in COMPLAINTS), ""), returned_id(mail))
