"""Hand out a file, to be saved, or to be shown where it stands."""

from collections.abc import Iterator
from contextlib import closing
from urllib.parse import quote

from flask import Response, current_app, request

from ticketing.errors import NotFound
from ticketing.files import FileStore, file_store, pieces
from ticketing.models import Attachment


def to_be_saved(attachment: Attachment) -> Response:
    """Answer with a file, piece by piece: whatever it claims to be, a browser must not run it in our name."""
    store = file_store()
    if not store.has(attachment.sha256):
        raise NotFound(f"the bytes of attachment {attachment.id} are not in the store any more")
    content = content_of(store, attachment.sha256)
    answer: Response = current_app.response_class(content, mimetype="application/octet-stream")
    answer.content_length = attachment.size
    answer.set_etag(attachment.sha256)
    answer.headers["Content-Disposition"] = _disposition(attachment.filename)
    answer.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.make_conditional(request)
    return answer


def in_place(attachment: Attachment, *, content_type: str, filename: str) -> Response:
    """Answer with a file that is shown or played where it stands, and runs nothing there. Whoever calls makes it
    conditional.
    """
    answer: Response = current_app.response_class(content_of(file_store(), attachment.sha256), mimetype=content_type)
    answer.content_length = attachment.size
    answer.set_etag(attachment.sha256)
    answer.headers["Content-Disposition"] = f'inline; filename="{filename}"'
    answer.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


def content_of(store: FileStore, digest: str) -> Iterator[bytes]:
    """Return the file's bytes; it is opened only when somebody reads them, so never for HEAD or 304."""
    with closing(store.open(digest)) as file:
        yield from pieces(file)


def _disposition(filename: str) -> str:
    """Return the header: a name in ASCII for whoever knows no better, and the true one as RFC 6266 has it."""
    name = filename.encode("utf-8", "replace").decode()
    plain = "".join(char if " " <= char <= "~" and char not in '"\\%' else "_" for char in name) or "file"
    if plain == name:
        return f'attachment; filename="{plain}"'
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name or plain, safe='')}"
