"""Read the notice of what a recipient did with a mail of ours: showed it, deleted it (MDN, RFC 8098). Pure."""

from dataclasses import dataclass

from channels.email.mime import ParsedMail, message_ids
from channels.email.reports import DISPOSITION, blocks, report_type, returned_id


@dataclass(frozen=True)
class ReadReceipt:
    """What became of a mail; not `shown`: deleted unread, or only dealt with by a program."""

    shown: bool
    message_id: str | None


def read_receipt(mail: ParsedMail) -> ReadReceipt | None:
    """Return what a receipt says, None when the mail is none."""
    if report_type(mail) != "disposition-notification":
        return None
    for block in blocks(mail, DISPOSITION):
        if block.has("disposition"):
            _, _, disposition = block.first("disposition").lower().partition(";")
            about = [*message_ids(block, "original-message-id"), returned_id(mail), *mail.in_reply_to]
            shown = disposition.strip().startswith(("displayed", "read"))
            return ReadReceipt(shown, next((one for one in about if one), None))
    return None
