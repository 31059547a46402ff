"""Walk over HTML that nh3 has written: its tags are balanced, its attributes quoted, so that a pattern reads them."""

import re

TAG = re.compile(r'<(/?)([a-z][a-z0-9]*)((?: [\w-]+="[^"]*")*)>')
VOID = frozenset({"br", "col", "hr", "img", "wbr"})  # they hold nothing and are never closed


def without(html: str, mark: re.Pattern[str]) -> str:
    """Return the HTML without the elements, and what is in them, whose opening tag's attributes match `mark`."""
    kept: list[str] = []
    end = depth = 0
    for tag in TAG.finditer(html):
        if depth:
            depth += 0 if tag[2] in VOID else -1 if tag[1] else 1
            end = tag.end()
        elif mark.search(tag[3]):
            kept.append(html[end : tag.start()])
            depth = 0 if tag[2] in VOID else 1
            end = tag.end()
    return "".join([*kept, html[end:]])
