"""The texts that come with the program, in English and French, and the desk's own wording of them."""

from ticketing.templates.rendering import Rendered, render

__all__ = ["Rendered", "render"]
