"""The doors for the files of a chat: a visitor's uploads, and what they may download."""

from flask import Blueprint, Response, current_app, request

from api.doors.chat import shown_file
from api.doors.visitors import answer, visitor_session
from api.downloads import to_be_saved
from api.uploads import AROUND, uploaded_file
from channels import webchat
from channels.webchat.files import add_upload, keep_file
from channels.webchat.widgets import file_rules
from config.settings import Settings
from ticketing.moment import utc_now
from ticketing.transaction import transaction

blueprint = Blueprint("chat files", __name__, url_prefix="/chat")


@blueprint.post("/attachments")
def upload() -> Response:
    """Upload a file, multipart, in a part `file`; it is sent with a message only, and goes away if it is not."""
    session = visitor_session(writing=True)
    settings: Settings = current_app.extensions["comptoir.settings"]
    rules, at = file_rules(session.inbox, largest=settings.attachment_max_bytes), utc_now()
    request.max_content_length = rules.max_bytes + AROUND  # nothing of the body has been read yet
    file = uploaded_file(rules.max_bytes)
    kept = keep_file(file.stream, file.filename or "", rules, at=at)
    with transaction("chat"):
        return answer(shown_file(add_upload(session, kept)), 201)


@blueprint.get("/attachments/<id:attachment_id>")
def download(attachment_id: int) -> Response:
    """Download a file of the visitor's own conversation, with the visitor's token."""
    return to_be_saved(webchat.file_of(visitor_session(), attachment_id))
