"""Join the lines that a mailer folded to send them: format=flowed. Pure, takes linear time. RFC 3676."""

SIGNATURE = "-- "  # a line of its own that never flows, although it ends in a blank (RFC 3676, 4.3)


def joined(text: str, *, delete_space: bool = False) -> str:
    """Return `text` with each paragraph in one line, quoted ones behind their marks.

    `delete_space`: the blank at which a line was folded is not part of the text (DelSp=yes).
    """
    paragraphs = list[tuple[int, list[str]]]()
    flows = False
    for line in text.split("\n"):
        content = line.lstrip(">")
        depth = len(line) - len(content)
        content = content.removeprefix(" ")  # stuffed, so that it looks like no quote and no mbox line
        if flows and paragraphs[-1][0] == depth and content != SIGNATURE:
            paragraphs[-1][1].append(content)
        else:
            paragraphs.append((depth, [content]))
        flows = content.endswith(" ") and content != SIGNATURE
        if flows and delete_space:
            paragraphs[-1][1][-1] = content[:-1]
    return "\n".join(_line(depth, "".join(pieces)) for depth, pieces in paragraphs)


def _line(depth: int, content: str) -> str:
    content = content if content == SIGNATURE else content.rstrip(" ")
    return f"{'>' * depth} {content}" if depth and content else ">" * depth + content
