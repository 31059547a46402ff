"""Read one uploaded file from a request, piece by piece: werkzeug puts whatever is large into a temporary file."""

from flask import current_app, request
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType

from config.settings import Settings
from ticketing.errors import FileTooLarge, InvalidInput

AROUND = 65_536  # bytes of a request that are not the file's: boundaries, headers
FORM = "multipart/form-data"


def largest_upload() -> int:
    """Return how many bytes a request with a file may have."""
    return largest_file() + AROUND


def largest_file() -> int:
    """Return how many bytes a file may have."""
    settings: Settings = current_app.extensions["comptoir.settings"]
    return settings.attachment_max_bytes


def uploaded_file(most: int = 0) -> FileStorage:
    """Return the part `file` of this request, of at most so many bytes (0: what the desk takes); nothing is read yet.

    Raises InvalidInput, FileTooLarge, UnsupportedMediaType, BadRequest.
    """
    if request.mimetype != FORM:
        raise UnsupportedMediaType(f"Send the file as {FORM}, in a part named file.")
    if not request.mimetype_params.get("boundary"):
        raise BadRequest("The Content-Type names no boundary between the parts.")
    try:
        files, words = request.files, request.form
    except RequestEntityTooLarge:
        most = most or largest_file()
        raise FileTooLarge(f"send one part named file, of at most {most} bytes, and nothing besides") from None
    others = sorted({*files, *words} - {"file"})
    if others:
        raise InvalidInput(f"there is no such part here: {others[0][:80]}; send one part named file")
    found = files.getlist("file")
    if len(found) != 1 or words or not found[0].filename:
        raise InvalidInput("send one file, in a part named file, with its name")
    return found[0]
