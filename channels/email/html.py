"""Make the HTML of a mail harmless, and turn it into text. Pure; bounded in time whatever the input.

Showing what comes out of here runs nothing, and tells nobody that the mail was read: pictures on other servers wait in
`data-src` until somebody asks for them (`with_remote_pictures`), those of one pixel are dropped, and so is what the
mail's author hid from the reader.
"""

import html as entities
import re
from collections import Counter
from itertools import islice

import nh3
from inscriptis import get_text

from channels.email.charsets import keepable
from channels.email.html_roles import ids_as_classes, role_of
from channels.email.html_tags import without

MAX_HTML = 500_000  # characters; what is longer is cut, the original mail is kept anyway
MAX_LAYOUT = 250_000  # characters; laying out takes a second and more per megabyte
MAX_LAYOUT_TAGS = 10_000
MAX_DEPTH = 100  # an HTML parser's time grows with tags times depth
MAX_TAGS = 25_000
MAX_ENTITIES = 5_000  # those of &, <, > and quotes; the HTML parser is slow at them
MAX_SLOW = 5_000  # those of U+0080 to U+00BF, no-break spaces mostly; nh3's time grows with their square
MAX_STYLE = 2_000  # characters of one element's; the patterns that look into it take quadratic time
MAX_PASSES = 4

TAGS = {
    *("a", "abbr", "acronym", "address", "article", "aside", "b", "bdi", "bdo", "big", "blockquote", "br", "caption"),
    *(
        "center",
        "cite",
        "code",
        "col",
        "colgroup",
        "dd",
        "del",
        "details",
        "dfn",
        "div",
        "dl",
        "dt",
        "em",
        "figcaption",
    ),
    *("figure", "font", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "i", "img", "ins", "kbd", "li"),
    *("main", "mark", "nav", "ol", "p", "pre", "q", "rp", "rt", "ruby", "s", "samp", "section", "small", "span"),
    *("strike", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "time", "tr", "tt"),
    *("u", "ul", "var", "wbr"),
}
DROPPED_WITH_CONTENT = {"script", "style", "title", "noscript", "template", "iframe", "object", "svg", "math"}
ATTRIBUTES = {
    "*": {"align", "class", "dir", "hidden", "lang", "style", "title", "valign"},
    "a": {"href", "name"},
    "blockquote": {"cite", "type"},
    "col": {"span", "width"},
    "font": {"color", "face", "size"},
    "img": {"alt", "data-src", "height", "src", "width"},
    "li": {"value"},
    "ol": {"start", "type"},
    "table": {"bgcolor", "border", "cellpadding", "cellspacing", "width"},
    "td": {"bgcolor", "colspan", "height", "rowspan", "width"},
    "th": {"bgcolor", "colspan", "height", "rowspan", "width"},
    "tr": {"bgcolor"},
}
# None of these can fetch anything or lay itself over the page that shows the mail.
STYLES = {
    *("background-color", "border", "border-bottom", "border-collapse", "border-color", "border-left", "border-right"),
    *("border-spacing", "border-style", "border-top", "border-width", "color", "direction", "font-family", "font-size"),
    *("font-style", "font-variant", "font-weight", "letter-spacing", "line-height", "padding", "padding-bottom"),
    *("padding-left", "padding-right", "padding-top", "text-align", "text-decoration", "text-indent", "text-transform"),
    *("vertical-align", "visibility", "white-space", "word-break", "word-spacing"),
}
SCHEMES = {"http", "https", "mailto", "tel", "cid", "data"}

_TAG = re.compile(r"<(/?)([a-zA-Z][\w:-]{0,30})([^<>]*>?)")
# HTML closes these by itself, or they hold nothing, so they do not nest unless something that counts does.
_NOT_NESTING = {
    *("area", "base", "br", "col", "embed", "hr", "img", "input", "li", "link", "meta", "p"),
    *("param", "source", "tbody", "td", "tfoot", "th", "thead", "tr", "track", "wbr"),
}
_DATA_IMAGE = re.compile(r"\s*data:image/(?:png|gif|jpeg|webp);base64,", re.IGNORECASE)
_REMOTE = re.compile(r"\s*https?:", re.IGNORECASE)
_IMAGE = re.compile(r'<img((?: [\w-]+="[^"]*")*)>')
# Harmless where they stand; but a program that reads our output carelessly once more shall find nothing either.
_MARKUP = re.compile(r"<|\bon[a-z]+\s*=", re.IGNORECASE)
_SCRIPT_URL = re.compile(r"\b(?:j(?=avascript\s*:)|v(?=bscript\s*:)|d(?=ata:text/html))", re.IGNORECASE)
_SCRIPTS = ("javascript", "vbscript", "data:text/html")
_SLOW = re.compile("[\x80-\xbf]")
_ENTITY = re.compile(r"&(?:#\d{3,7}|#[xX][\da-fA-F]{2,6}|[a-zA-Z]{2,8});")
_FUNCTION = re.compile(r"(?:^|;)[^;(]*\([^;]*")
_SHOWN = r' src="\1" referrerpolicy="no-referrer"'
_ANY_TAG = re.compile(r"<[^<>]*>")
_BREAK = re.compile(r"<(?:br|p|div|tr|li|h[1-6])\b", re.IGNORECASE)
_SOURCE = re.compile(r' src="(\s*https?:[^"]*)"', re.IGNORECASE)
_WAITING = re.compile(r' data-src="([^"]*)"')
_UNSEEN = re.compile(
    r"""display\s*:\s*none | visibility\s*:\s*(?:hidden|collapse) | opacity\s*:\s*(?:0+\.?0*|\.0+)\s*(?:;|!|$)
      | (?<![\w-])(?:max-)?height\s*:\s*0[a-z%]*\s*(?:;|!|$)(?=.*overflow)
      | overflow\s*:\s*hidden(?=.*(?<![\w-])(?:max-)?height\s*:\s*0[a-z%]*\s*(?:;|!|$))""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_HIDDEN = re.compile(r' (?:style="visibility:hidden"|hidden="")')
_DOT = re.compile(r'(?=.* width="\s*[01](?:px)?\s*").* height="\s*[01](?:px)?\s*"', re.IGNORECASE)
_DOT_STYLE = re.compile(
    r"(?=.*(?<![\w-])width\s*:\s*[01](?:px)?\s*(?:;|!|$)).*(?<![\w-])height\s*:\s*[01](?:px)?\s*(?:;|!|$)",
    re.IGNORECASE | re.DOTALL,
)


def sanitise(html: str) -> str:
    """Return harmless HTML; images on other servers wait in `data-src`. Applying it twice changes nothing."""
    html = ids_as_classes(keepable(html)[:MAX_HTML])
    for _ in range(MAX_PASSES):
        cleaned = _cleaned(html)
        if cleaned == html:
            return cleaned
        if len(cleaned) > MAX_HTML:
            break
        html = cleaned
    # HTML that reads differently each time is hostile or hopeless: its words will do.
    return _escaped(_words(html)[: MAX_HTML // 6])


def to_text(html: str) -> str:
    """Return the text of an HTML body, laid out as a reader would see it; "" if there is none."""
    html = _shallow(keepable(html)[:MAX_HTML])
    # What cannot be seen is no text: inscriptis itself knows of styles only those that stand in the tag.
    return layout(_cleaned(html)) if not _too_big(html) else _without_layout(html)


def layout(sanitised: str) -> str:
    """Return the text of what came out of `sanitise`, as `to_text` does, for less."""
    if _too_big(sanitised):
        return _without_layout(sanitised)
    text = get_text(sanitised).strip() if sanitised.strip() else ""
    return "\n".join(line.rstrip() for line in text.split("\n"))


def words_in(sanitised: str) -> int:
    """Return how many words what came out of `sanitise` has; much cheaper than laying it out."""
    return len(entities.unescape(_ANY_TAG.sub(" ", sanitised)).split())


def with_remote_pictures(sanitised: str) -> str:
    """Return the HTML with the pictures on other servers in their place, for a reader who asked to see them.

    Whose servers those are then learns the reader's address and the time, but not by which page it was shown.
    """
    return _IMAGE.sub(_shown, sanitised)


def _shown(image: re.Match[str]) -> str:
    if " data-src=" not in image[1] or " src=" in image[1]:
        return image[0]
    return f"<img{_WAITING.sub(_SHOWN, image[1])}>"


def _too_big(html: str) -> bool:
    return len(html) > MAX_LAYOUT or html.count("<") > MAX_LAYOUT_TAGS


def _without_layout(html: str) -> str:
    return _words(_BREAK.sub("\n", html)).strip()


def _cleaned(html: str) -> str:
    cleaned = _IMAGE.sub(_blocked, _CLEANER.clean(_shallow(html)))
    if _HIDDEN.search(cleaned):
        cleaned = without(cleaned, _HIDDEN)
    if any(word in cleaned.lower() for word in _SCRIPTS):
        cleaned = _SCRIPT_URL.sub(lambda letter: f"&#{ord(letter[0])};", cleaned)
    return cleaned


def _filtered(tag: str, attribute: str, value: str) -> str | None:
    """Let data: URLs be pictures only, and let only a picture's remote address wait."""
    if _MARKUP.search(value):
        return None
    if attribute == "style":
        return _filtered_style(tag, value)
    if attribute == "class":
        return role_of(value, tag)
    if attribute == "hidden":
        return ""
    if attribute == "data-src":
        return value if _REMOTE.match(value) else None
    if attribute in {"href", "src", "cite"} and value.lstrip()[:5].lower() == "data:":
        return value if attribute == "src" and _DATA_IMAGE.match(value) else None
    return value


def _filtered_style(tag: str, value: str) -> str | None:
    if len(value) > MAX_STYLE:
        return None
    if _UNSEEN.search(value) or (tag == "img" and _DOT_STYLE.match(value)):
        return "visibility:hidden"
    return _FUNCTION.sub("", value) if "(" in value else value


_CLEANER = nh3.Cleaner(
    tags=TAGS,
    clean_content_tags=DROPPED_WITH_CONTENT,
    attributes=ATTRIBUTES,
    attribute_filter=_filtered,
    filter_style_properties=STYLES,
    url_schemes=SCHEMES,
    url_relative="deny",  # a mail has no address of its own that a relative one could start from
    link_rel="noopener noreferrer nofollow",
    set_tag_attribute_values={"a": {"target": "_blank"}},
)


def _blocked(image: re.Match[str]) -> str:
    """Move an image's remote address to data-src, so that showing the mail tells nobody that it was read."""
    attributes = image[1]
    if _DOT.match(attributes):
        return ""  # nobody sees a picture of one pixel: it is there to tell its server that the mail was read
    kept = "" if " data-src=" in attributes else r' data-src="\1"'
    return f"<img{_SOURCE.sub(kept, attributes)}>"


def _shallow(html: str) -> str:
    """Drop the tags that lie deeper than MAX_DEPTH or come after MAX_TAGS, and what only costs time."""
    html = _ENTITY.sub(_character, html)
    *head, tail = html.split("&", MAX_ENTITIES)
    html = "&".join([*head, tail.replace("&", " ")])
    beyond = next(islice(_SLOW.finditer(html), MAX_SLOW, None), None)
    if beyond is not None:
        html = html[: beyond.start()] + _SLOW.sub(" ", html[beyond.start() :])
    if html.count("<") <= MAX_DEPTH:
        return html
    open_tags: Counter[str] = Counter()
    depth = seen = 0

    def keep(tag: re.Match[str]) -> str:
        nonlocal depth, seen
        name = tag[2].lower()
        seen += 1
        if seen > MAX_TAGS:
            return ""
        if name in _NOT_NESTING:
            return tag[0]
        if tag[1]:
            closes = open_tags[name] > 0
            open_tags[name] -= closes
            depth -= closes
            return tag[0] if closes else ""
        if depth >= MAX_DEPTH:
            return ""
        open_tags[name] += 1
        depth += 1
        return tag[0]

    return _TAG.sub(keep, html)


def _character(entity: re.Match[str]) -> str:
    character = entities.unescape(entity[0])
    return character if len(character) == 1 and character > "\xa0" else entity[0]


def _words(html: str) -> str:
    return entities.unescape(nh3.clean(_shallow(html), tags=set(), clean_content_tags=DROPPED_WITH_CONTENT))


def _escaped(text: str) -> str:
    return keepable(text).replace("\r", "\n").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
