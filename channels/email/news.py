"""Tell what a program's mail says of a message of ours: it did not arrive, or not yet; it did; it was read, or called
spam. Pure.

Anybody can write such a mail. It counts only with an id that we signed, which nobody knows but who got the message;
everything else is a message like others, which changes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from channels.email.bounces import Bounce, read_arrival, read_bounces
from channels.email.charsets import keepable
from channels.email.complaints import read_complaint
from channels.email.loops import has_empty_return_path
from channels.email.mime import ParsedMail
from channels.email.read_receipts import read_receipt
from channels.email.reply_address import kept_id, returned_message, signed_ids
from channels.email.reports import report_type
from channels.errors import UnsupportedPayload
from channels.protocol import News, Receipt, Undelivered
from ticketing.envelope import Channel, MessageState


@dataclass(frozen=True)
class Unproven:
    """A machine says that a mail did not arrive, and nothing proves that it was ours; `recipient` "" if it names none.

    `is_standard`: a report by the letter of the standards, which no person's program would write.
    """

    recipient: str
    is_standard: bool


def news_of(
    mail: ParsedMail, key: str, *, envelope_sender: str | None = None, recipients: Iterable[str] = ()
) -> Receipt | Unproven | None:
    """Return what a mail tells of a message of ours, None when it tells nothing of the kind.

    `envelope_sender` is MAIL FROM, "" for the empty one, and `recipients` are those to whom it was sent; None and none
    when the door did not see them. Raises UnsupportedPayload for what is proven to be about a mail of ours, and nothing
    to us: it was passed on, deleted unread, is no spam after all.
    """
    bounces = read_bounces(mail, envelope_sender=envelope_sender)
    if bounces and bounces[0].certain:
        proven = _returned(bounces, key, returned_message(mail, key, recipients=recipients))
        return proven or Unproven(bounces[0].recipient, _is_standard(mail, envelope_sender))
    if bounces:
        return None
    return _arrived(mail, key)


def _arrived(mail: ParsedMail, key: str) -> Receipt | None:
    """Return what is told of a message that is there. Raises UnsupportedPayload where that is nothing to us."""
    receipt, means_something = None, True
    if (complaint := read_complaint(mail)) is not None:
        receipt = _receipt(complaint.message_id, key, MessageState.DELIVERED, News.COMPLAINT, complaint.reason)
        means_something = bool(complaint.reason)
    elif (arrival := read_arrival(mail)) is not None:
        receipt = _receipt(arrival.message_id, key, MessageState.DELIVERED, News.MOVED)
        means_something = arrival.by_all
    elif (read := read_receipt(mail)) is not None:
        receipt = _receipt(read.message_id, key, MessageState.DELIVERED, News.READ)
        means_something = read.shown
    if receipt is not None and not means_something:
        raise UnsupportedPayload("a report on a mail of ours that tells nothing to act on")
    return receipt


def _is_standard(mail: ParsedMail, envelope_sender: str | None) -> bool:
    if mail.headers.has("resent-from"):  # somebody passed it on
        return False
    return report_type(mail) == "delivery-status" and has_empty_return_path(mail, envelope_sender)


def _returned(bounces: tuple[Bounce, ...], key: str, by_address: int | None) -> Receipt | None:
    first = bounces[0]
    if first.delayed:
        return _receipt(first.message_id, key, MessageState.SENT, News.DELAYED, first.reason, by_address=by_address)
    lost = tuple(
        Undelivered(keepable(one.recipient), keepable(one.reason), dead=one.hard) for one in bounces if not one.delayed
    )
    state = MessageState.BOUNCED
    return _receipt(first.message_id, key, state, News.MOVED, first.reason, lost, by_address=by_address)


def _receipt(
    message_id: str | None,
    key: str,
    state: MessageState,
    news: News,
    reason: str = "",
    undelivered: tuple[Undelivered, ...] = (),
    *,
    by_address: int | None = None,
) -> Receipt | None:
    """Return the receipt for a message by our own id, for it may come before the sending is written down.

    `by_address` is the message to whose return path the mail was sent.
    """
    ours = signed_ids(message_id, key) if message_id else None
    if message_id is not None and ours is not None:
        provider_id, our_id = kept_id(message_id), ours[1]
    elif by_address is not None:
        provider_id, our_id = "", by_address
    else:
        return None
    return Receipt(Channel.EMAIL, provider_id, state, keepable(reason), our_id, news, undelivered)
