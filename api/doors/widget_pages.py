"""The chat widget's script, as every page that shows it fetches it, and a shop on which a newcomer can try it.

The script is one file without a build step. It is compressed once, when the process starts; browsers keep it for a
few minutes and ask by its ETag after that. The shop is served where the sandbox is on, and nowhere else.
"""

import gzip
import hashlib
from pathlib import Path

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

SCRIPT = Path(__file__).parent.parent / "static" / "widget" / "comptoir.js"
KEPT_SECONDS = 300  # a new version reaches every page in this time
STALE_SECONDS = 86_400  # meanwhile the old one may be used while the new one is fetched (RFC 5861)

blueprint = Blueprint("widget", __name__)
demo = Blueprint("widget_demo", __name__)

PAGE = "; ".join(  # what a strict shop would allow, and not a thing more: docs/chat.md says so to others
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)


class Script:
    """The widget's script as it was when the process started, plain and compressed."""

    def __init__(self, path: Path) -> None:
        self.plain = path.read_bytes()
        self.compressed = gzip.compress(self.plain, 9, mtime=0)
        self.digest = hashlib.sha256(self.plain).hexdigest()[:32]

    def answer(self, *, compressed: bool) -> Response:
        """Return the script for a browser that takes gzip, or for another."""
        response = Response(self.compressed if compressed else self.plain, mimetype="text/javascript")
        response.set_etag(f"{self.digest}-gzip" if compressed else self.digest)
        if compressed:
            response.content_encoding = "gzip"
        response.vary.add("Accept-Encoding")
        response.cache_control.public = True
        response.cache_control.max_age = KEPT_SECONDS
        response.cache_control.stale_while_revalidate = STALE_SECONDS
        response.headers["Access-Control-Allow-Origin"] = "*"  # the same for everybody; a page may ask with crossorigin
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"  # for pages that isolate themselves
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


_script = Script(SCRIPT)


@blueprint.get("/static/widget/comptoir.js")
def script() -> ResponseReturnValue:
    """Answer the widget's script."""
    wants_gzip = request.accept_encodings.quality("gzip") > 0
    return _script.answer(compressed=wants_gzip).make_conditional(request)


@demo.get("/chat/demo")
def shop() -> Response:
    """Show a shop that has the chat on its pages; `?language=` is one of its two."""
    language = "fr" if request.args.get("language", "").lower().startswith("fr") else "en"
    page = render_template("chat_demo.html", language=language, widget=request.args.get("widget", "")[:64])
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": PAGE,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
    }
    return Response(page, mimetype="text/html", headers=headers)
