"""What both databases can keep of a text. Pure."""


def storable(text: str) -> str:
    """Return the text without what PostgreSQL refuses: a NUL, half a surrogate pair."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")
