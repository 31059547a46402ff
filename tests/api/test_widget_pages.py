"""The widget's script as it is served, and the shop to try it in."""

import gzip
import re
from dataclasses import replace
from pathlib import Path

from flask import Flask

from api.app import create_app
from api.doors.widget_pages import SCRIPT as SCRIPT_FILE
from config.settings import Settings

SCRIPT = "/static/widget/comptoir.js"
LARGEST = 15_000  # bytes, compressed: the issue's promise to sites


def test_the_script_is_small_compressed_and_asked_for_by_its_etag(sqlite_app: Flask) -> None:
    client = sqlite_app.test_client()

    small = client.get(SCRIPT, headers={"Accept-Encoding": "br, gzip"})
    plain = client.get(SCRIPT)
    again = client.get(SCRIPT, headers={"Accept-Encoding": "gzip", "If-None-Match": small.headers["ETag"]})

    assert len(small.data) <= LARGEST
    assert (small.headers["Content-Encoding"], small.headers["Vary"]) == ("gzip", "Accept-Encoding")
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(small.data) == plain.data
    assert (again.status_code, again.data) == (304, b"")
    assert small.headers["ETag"] != plain.headers["ETag"]
    assert "max-age=300" in small.headers["Cache-Control"]
    assert small.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert small.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


def test_the_shop_is_there_with_the_sandbox_only(sqlite_app: Flask, base_settings: Settings, tmp_path: Path) -> None:
    shop = sqlite_app.test_client().get('/chat/demo?widget="><script>&language=fr')
    real = replace(base_settings, sandbox=False, twilio=None, data_dir=tmp_path)

    assert (shop.status_code, '<html lang="fr">' in shop.text) == (200, True)
    assert '"><script>' not in shop.text.replace("&#34;", "")
    assert "script-src 'self'" in shop.headers["Content-Security-Policy"]
    assert create_app(real).test_client().get("/chat/demo").status_code == 404


def test_both_languages_have_the_same_words_and_the_page_on_the_chat_names_them_all() -> None:
    script = SCRIPT_FILE.read_text("utf-8")
    english, french = (
        set(re.findall(r"^    (\w+): ", script.partition(f"\n  {language}: {{\n")[2].partition("\n  },\n")[0], re.M))
        for language in ("en", "fr")
    )
    page = (Path(__file__).parents[2] / "docs" / "chat.md").read_text("utf-8")

    words = page.partition("### Words\n")[2].partition("###")[0]

    assert english == french
    assert english == set(re.findall(r"`(\w+)`", words)) - {"texts"}
