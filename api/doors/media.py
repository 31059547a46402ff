"""The door at which Twilio fetches the files of a message that it is to send: the address itself is the credential."""

import re
from pathlib import PurePath

from flask import Blueprint, Response, abort, current_app, request

from api.downloads import in_place
from channels.texting import media_links
from ticketing.files import file_store
from ticketing.models import Attachment
from ticketing.moment import utc_now

blueprint = Blueprint("media", __name__)

# Twilio compares a file with the type that we name, and knows some by other names:
# https://www.twilio.com/docs/messaging/guides/accepted-mime-types.
NAMED = {"audio/x-wav": "audio/vnd.wave", "audio/wav": "audio/vnd.wave", "audio/m4a": "audio/mp4"}
LONGEST_STEM = 14  # "Keep file names to 20 characters or less", without special characters


@blueprint.get(f"{media_links.PATH}<token>")
def media(token: str) -> Response:
    """Give a file of a message. A forged address, or one whose time is over, is 404 like one that there never was."""
    attachment = media_links.find(token, current_app.extensions["comptoir.settings"].secret_key, at=utc_now())
    if attachment is None or not file_store().has(attachment.sha256):
        abort(404)
    content_type = NAMED.get(attachment.content_type, attachment.content_type)
    answer = in_place(attachment, content_type=content_type, filename=_filename(attachment))
    answer.headers["X-Robots-Tag"] = "noindex"
    answer.make_conditional(request)
    return answer


def _filename(attachment: Attachment) -> str:
    name = PurePath(attachment.filename)
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", name.stem)[:LONGEST_STEM].strip("-") or "file"
    suffix = name.suffix if re.fullmatch(r"\.[A-Za-z0-9]{1,5}", name.suffix) else ""
    return stem + suffix
