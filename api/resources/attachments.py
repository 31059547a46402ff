"""The files that go with messages: uploaded to be sent along, downloaded by who may see the ticket."""

from flask import Response
from flask.views import MethodView

from api.auth import caller
from api.blueprint import Blueprint
from api.downloads import to_be_saved
from api.schemas.messages import AttachmentSchema
from api.uploads import largest_file, uploaded_file
from ticketing.attachments import add_upload, keep_upload, read_attachment
from ticketing.models import Attachment
from ticketing.moment import utc_now
from ticketing.transaction import transaction

blueprint = Blueprint("attachments", description="Files that go with messages")


@blueprint.route("/attachments")
class Attachments(MethodView):
    @blueprint.needs("tickets:write")
    @blueprint.takes_file()
    @blueprint.answers(201, AttachmentSchema, description="The upload, yours alone until a message takes it")
    @blueprint.refuses(400, 413, 415, 422)
    def post(self) -> Attachment:
        """Upload a file to send along. What no message or draft takes within a day goes away."""
        file = uploaded_file()
        upload = keep_upload(file.stream, file.filename or "", largest=largest_file(), at=utc_now())
        with transaction("api"):
            return add_upload(upload, caller())


@blueprint.route("/attachments/<id:attachment_id>")
class OneAttachment(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.gives_file("The file's bytes, to be saved, never to be shown as a page")
    @blueprint.refuses(404)
    def get(self, attachment_id: int) -> Response:
        """Download a file."""
        return to_be_saved(read_attachment(caller(), attachment_id))
