"""Messages and their media: https://www.twilio.com/docs/messaging/api/message-resource."""

from channels.sandbox import resources
from channels.sandbox.exchange import Exchange
from channels.sandbox.refusals import Refused, not_found
from channels.sandbox.rest.answers import Answer, Asked, collection, is_within, needed, page
from channels.sandbox.texting import MAX_MEDIA, Message, template

MAX_BODY = 1600
REFUSALS = {  # the magic recipients of a message: https://www.twilio.com/docs/iam/test-credentials
    "+15005550001": (21211, "Invalid 'To' Phone Number"),
    "+15005550002": (21612, "Message cannot be sent with the current combination of 'To' and/or 'From' parameters"),
    "+15005550003": (21408, "Permission to send an SMS has not been enabled for the region of the 'To' number"),
    "+15005550004": (21610, "Attempt to send to unsubscribed recipient"),
    "+15005550009": (21614, "'To' number is not a valid mobile number"),
}


def create_message(exchange: Exchange, asked: Asked) -> Answer:
    needed(asked, ("To", 21604))
    sender, service = asked.get("From"), asked.get("MessagingServiceSid")
    if not (sender or service):
        raise Refused(21603, "A 'From' phone number is required.")
    if not (asked.has("Body") or asked.has("MediaUrl") or asked.has("ContentSid")):
        raise Refused(21602, "Message body is required.")
    recipient = asked.get("To")
    if recipient in REFUSALS:
        raise Refused(*REFUSALS[recipient])
    sender = sender or exchange.service_number
    _check(exchange, asked, recipient, sender)
    body = template({one: asked.get(one) for one in asked.values}) if asked.has("ContentSid") else asked.get("Body")
    sid, now = exchange.new_sid("MM" if asked.has("MediaUrl") else "SM"), exchange.now()
    message = Message(sid, "outbound-api", sender, recipient, body, "queued", now, now)
    message.service_sid = service or None
    message.callback_url = asked.get("StatusCallback")
    exchange.texting.send(message, list(asked.values.get("MediaUrl", ())))
    return Answer(201, resources.message(message, exchange.account_sid))


def _check(exchange: Exchange, asked: Asked, recipient: str, sender: str) -> None:
    exchange.check_callback(asked.get("StatusCallback"))
    if len(asked.get("Body")) > MAX_BODY:
        raise Refused(21617, "The concatenated message body exceeds the 1600 character limit")
    if len(asked.values.get("MediaUrl", ())) > MAX_MEDIA:
        raise Refused(21623, "Number of media files exceeds allowed limit")
    if exchange.texting.has_opted_out(recipient, sender):
        raise Refused(21610, "Attempt to send to unsubscribed recipient")


def fetch_message(exchange: Exchange, asked: Asked, sid: str) -> Answer:
    return Answer(200, resources.message(_find(exchange, sid), exchange.account_sid))


def list_messages(exchange: Exchange, asked: Asked) -> Answer:
    """Newest first."""
    found = [
        one
        for one in reversed(exchange.texting.messages.values())
        if asked.get("To", one.recipient) == one.recipient
        and asked.get("From", one.sender) == one.sender
        and is_within(asked, "DateSent", one.sent_at or one.made_at)
    ]
    account = exchange.account_sid
    path = collection(account, "Messages")
    return page(asked, path, "messages", found, lambda one: one.sid, lambda one: resources.message(one, account))


def list_media(exchange: Exchange, asked: Asked, sid: str) -> Answer:
    message, account = _find(exchange, sid), exchange.account_sid
    path = collection(account, "Messages", sid, "Media")
    return page(
        asked,
        path,
        "media_list",
        message.media,
        lambda one: one.sid,
        lambda one: resources.medium(one, message, account),
    )


def fetch_media(exchange: Exchange, asked: Asked, sid: str, medium_sid: str) -> Answer:
    """Give the bytes, or with `.json` what they are."""
    message = _find(exchange, sid)
    wanted = medium_sid.removesuffix(".json")
    medium = next((one for one in message.media if one.sid == wanted), None)
    kept = exchange.store.medium(wanted) if medium is not None else None
    if medium is None or kept is None:
        raise not_found()
    if medium_sid.endswith(".json"):
        return Answer(200, resources.medium(medium, message, exchange.account_sid))
    return Answer(200, None, kept[0], kept[1])


def delete_media(exchange: Exchange, asked: Asked, sid: str, medium_sid: str) -> Answer:
    message = _find(exchange, sid)
    wanted = medium_sid.removesuffix(".json")
    if not any(one.sid == wanted for one in message.media):
        raise not_found()
    message.media = [one for one in message.media if one.sid != wanted]
    return Answer(204)


def _find(exchange: Exchange, sid: str) -> Message:
    found = exchange.texting.messages.get(sid)
    if found is None:
        raise not_found()
    return found
