"""The texts that come with the program, in English and French, the acknowledgement in more, and the desk's own."""

from ticketing.templates.rendering import Rendered, render

__all__ = ["Rendered", "render"]
