"""Raw mails, built by hand: what a mail program would have got right is what these tests are about."""


def mail(body: bytes = b"Hello", **headers: str) -> bytes:
    """Return a small mail; header names are given with _ for -, and "" leaves a header out."""
    given = {"from": "Ann <ann@home.example>", "to": "help@shop.example", "subject": "Printer"} | headers
    lines = [f"{name.replace('_', '-')}: {value}".encode() for name, value in given.items() if value]
    return b"\r\n".join([*lines, b"", body])


def multipart(kind: str, *parts: bytes, boundary: str = "frontier") -> bytes:
    """Return a mail with these parts, each with headers of its own."""
    return mail(_delimited(parts, boundary), content_type=f'multipart/{kind}; boundary="{boundary}"')


def nested(kind: str, *parts: bytes, boundary: str = "inner") -> bytes:
    """Return a part that has parts."""
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'.encode() + _delimited(parts, boundary)


def _delimited(parts: tuple[bytes, ...], boundary: str) -> bytes:
    mark = f"--{boundary}".encode()
    return b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts) + mark + b"--\r\n"


def part(content_type: str, body: bytes, **headers: str) -> bytes:
    """Return a part of a mail."""
    given = {"content_type": content_type} | headers
    return "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in given.items()).encode() + b"\r\n" + body


PLAIN = part("text/plain", b"Hello there")
HTML = part("text/html", b"<p>Hello <b>there</b></p>")
PDF = part("application/pdf; name=bill.pdf", b"UERG", content_transfer_encoding="base64")
