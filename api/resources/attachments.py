"""The files that came with messages: pictures, documents, voicemails."""

from flask import Response, current_app
from flask.views import MethodView

from api.auth import caller
from api.blueprint import Blueprint
from ticketing.attachments import read_attachment
from ticketing.files import file_store
from ticketing.models import Attachment

blueprint = Blueprint("attachments", description="Files that came with messages")


@blueprint.route("/attachments/<id:attachment_id>")
class OneAttachment(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.gives_file("The file's bytes, to be saved, never to be shown as a page")
    @blueprint.refuses(404)
    def get(self, attachment_id: int) -> Response:
        """Download a file."""
        attachment = read_attachment(caller(), attachment_id)
        return _to_be_saved(attachment, file_store().read(attachment.sha256))


def _to_be_saved(attachment: Attachment, content: bytes) -> Response:
    """Answer with a customer's file: whatever it claims to be, a browser must not run it in our name."""
    answer: Response = current_app.response_class(content, mimetype="application/octet-stream")
    answer.headers.set("Content-Disposition", "attachment", filename=_one_line(attachment.filename))
    answer.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer


def _one_line(name: str) -> str:
    return "".join(char if char.isprintable() else "_" for char in name) or "file"
