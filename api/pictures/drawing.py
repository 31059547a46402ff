"""The pencil: an SVG of shapes and words, every word of which is escaped, with a title and a description."""

from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr

WIDTH = 960
STYLE = """
svg{color-scheme:light dark;--paper:#fff;--ink:#1f2933;--soft:#5b6770;--line:#d9dee3;--good:#2a6fb0;--bad:#d9730d;
--heat:#2a6fb0;--open:#0b7a3b;--on-heat:#fff}
@media (prefers-color-scheme:dark){svg{--paper:#14191e;--ink:#e8ecef;--soft:#9aa7b1;--line:#37424b;--good:#5aa2e6;
--bad:#f0973f;--heat:#3f8fdc;--open:#4cc27f;--on-heat:#fff}}
.paper{fill:var(--paper)}
text{fill:var(--ink);font:13px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
.title{font-size:20px;font-weight:600}.soft{fill:var(--soft)}.small{font-size:11px}.line{stroke:var(--line);fill:none}
.strong{font-weight:600}.end{text-anchor:end}.middle{text-anchor:middle}
.good{fill:var(--good)}.bad{fill:var(--bad)}.good-line{stroke:var(--good)}.bad-line{stroke:var(--soft)}
.volume{fill:var(--soft);fill-opacity:.6}
.heat{fill:var(--heat)}.on-heat{fill:var(--on-heat)}.empty{fill:var(--line);fill-opacity:.35}
.open{stroke:var(--open);stroke-width:2.5;fill:none;stroke-linecap:square}
.hollow{fill:var(--paper);stroke:var(--soft);stroke-width:2}
"""


class Drawing:
    """A picture in the making; `height` is known when it is finished. Coordinates are CSS pixels."""

    def __init__(self, title: str, subtitle: str, language: str) -> None:
        self._title = title
        self._language = language
        self._parts: list[str] = []
        self.text(24, 38, title, "title")
        self.text(24, 60, subtitle, "soft")

    def text(self, x: float, y: float, words: str, classes: str = "") -> None:
        """Write words, their left end at x unless the classes say otherwise, their feet at y."""
        self._parts.append(f'<text x="{x:g}" y="{y:g}"{_classes(classes)}>{_printable(words)}</text>')

    def box(
        self, x: float, y: float, width: float, height: float, classes: str, *, tip: str = "", opacity: float = 1
    ) -> None:
        """Fill a box; `tip` is what it says under the mouse and to a screen reader."""
        faint = f' fill-opacity="{opacity:.3g}"' if opacity < 1 else ""
        shape = f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"{_classes(classes)}{faint}'
        self._parts.append(_tipped("rect", shape, tip))

    def dot(self, x: float, y: float, radius: float, classes: str, *, tip: str = "") -> None:
        """Draw a dot."""
        self._parts.append(_tipped("circle", f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}"{_classes(classes)}', tip))

    def line(self, points: Iterable[tuple[float, float]], classes: str, *, width: float = 1) -> None:
        """Draw a line from point to point."""
        first, *others = points
        path = f"M{first[0]:g} {first[1]:g}" + "".join(f"L{x:g} {y:g}" for x, y in others)
        self._parts.append(f'<path d="{path}" stroke-width="{width:g}"{_classes(classes)}/>')

    def finished(self, height: float, description: str) -> str:
        """Return the SVG; `description` says in words what can be seen."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}"'
            f' height="{height:g}" role="img" aria-labelledby="title desc" lang="{self._language}">'
            f'<title id="title">{_printable(self._title)}</title><desc id="desc">{_printable(description)}</desc>'
            f"<style>{STYLE}</style>"
            f'<rect class="paper" width="{WIDTH}" height="{height:g}"/>{"".join(self._parts)}</svg>\n'
        )


def shortened(words: str, longest: int) -> str:
    """Return words that fit into a number of characters."""
    return words if len(words) <= longest else words[: longest - 1].rstrip() + "…"


def _classes(classes: str) -> str:
    return f" class={quoteattr(classes)}" if classes else ""


def _tipped(tag: str, shape: str, tip: str) -> str:
    return f"{shape}><title>{_printable(tip)}</title></{tag}>" if tip else f"{shape}/>"


def _printable(words: str) -> str:
    """Return words as XML may have them: what it cannot say at all is left out."""
    return escape("".join(char for char in words if _is_allowed(char)))


def _is_allowed(char: str) -> bool:
    return char in "\t\n" or "\x20" <= char <= "\ud7ff" or "\ue000" <= char <= "\ufffd" or char >= "\U00010000"
