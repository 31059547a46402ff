"""What an inbox says of its widget: kept in one spelling, or refused in words."""

from typing import Any

import pytest

from ticketing.errors import InvalidInput
from ticketing.inboxes import checked

KEPT: list[tuple[str, Any, Any]] = [
    ("origins", ["HTTPS://Shop.Example/", "https://shop.example:443"], ["https://shop.example"]),
    ("origins", ["http://localhost:8080", "http://[::1]:80"], ["http://localhost:8080", "http://[::1]"]),
    ("origins", [], []),
    ("colour", "#0055AA", "#0055aa"),
    ("languages", ["EN", "fr-ca", "en"], ["en", "fr-CA"]),
    ("texts", {"FR": {"title": " Bonjour "}}, {"fr": {"title": "Bonjour"}}),
    ("files", {"max_bytes": 5, "most": 0, "types": ["image/*"]}, {"max_bytes": 5, "most": 0, "types": ["image/*"]}),
    ("fields", [{"name": "a"}], [{"name": "a", "label": "a", "type": "text", "required": False}]),
]
REFUSED: list[tuple[str, Any, str]] = [
    ("origins", "https://shop.example", "are a list"),
    ("origins", ["https://a.example"] * 51, "at most 50"),
    *(("origins", [odd], "no origin") for odd in (7, "", "*", "null", "shop.example", "https://*.shop.example")),
    *(("origins", [odd], "no origin") for odd in ("https://a.example/x", "https://u@a.example", "ftp://a.example")),
    *(("origins", [odd], "no origin") for odd in ("https://a.example?x", "https://a b", "https://a:x", "https://é.fr")),
    ("colour", "red", "like #0055aa"),
    ("colour", "#0055aa;}", "like #0055aa"),
    ("languages", [], "1 to 20"),
    ("languages", ["<b>"], "no language tag"),
    ("texts", {"fr": "Bonjour"}, "an object of at most"),
    ("texts", {"fr": {"a b": "x"}}, "names of letters"),
    ("texts", {"fr": {"a": "x" * 501}}, "1 to 500"),
    ("texts", {"": {"a": "x"}}, "no language tag"),
    ("files", {"max_bytes": 0}, "max_bytes from 1"),
    ("files", {"most": True}, "most from 0 to 20"),
    ("files", {"types": ["image"]}, "like image/png"),
    ("files", {"x": 1}, "max_bytes, most and types"),
    ("fields", [{"name": "A"}], "small letters"),
    ("fields", [{"name": "a"}, {"name": "a"}], "the same name"),
    ("fields", [{"name": "a", "type": "select"}], "1 to 50 options"),
    ("fields", [{"name": "a", "type": "file"}], "one of text"),
    ("fields", [{"name": "a", "required": "yes"}], "true or false"),
    ("fields", [{"name": "a", "label": {}}], "1 to 500"),
    ("fields", [{"name": "a", "x": 1}], "an object with name"),
    ("fields", [{"name": chr(97 + n)} for n in range(11)], "at most 10"),
]


@pytest.mark.parametrize(("name", "value", "kept"), KEPT)
def test_a_widgets_settings_are_kept_in_one_spelling(name: str, value: Any, kept: Any) -> None:
    assert checked({name: value}) == {name: kept}


@pytest.mark.parametrize(("name", "value", "why"), REFUSED)
def test_what_makes_no_sense_is_refused_in_words(name: str, value: Any, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        checked({name: value})
