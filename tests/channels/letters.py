"""Mails as customers and mail servers write them."""

from email.message import EmailMessage

LUCIE = "Lucie Tremblay <lucie@home.example>"
US = "support@desk.example"


def mail(message_id: str, subject: str, words: str, *, sender: str = LUCIE, **headers: str) -> bytes:
    """A plain mail; `In_Reply_To="<…>"` and the like add headers."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = US
    message["Date"] = "Wed, 18 Nov 2026 12:00:00 +0000"
    message["Subject"] = subject
    message["Message-ID"] = message_id
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(words)
    return message.as_bytes()


def odd(message_id: str, words: str, headers: str = "") -> bytes:
    """A mail whose headers no library would write."""
    date = "Wed, 18 Nov 2026 12:00:00 +0000"
    return f"From: {LUCIE}\nTo: {US}\nDate: {date}\nMessage-ID: {message_id}\n{headers}\n{words}\n".encode()


def unkeepable(mark: str) -> bytes:
    """A mail with `mark` wherever a mark can stand: names, subject, ids, text, HTML and a file."""
    return f"""\
From: "Lucie {mark}" <lucie{mark}@home.example>
To: {US}
Date: Wed, 18 Nov 2026 12:00:00 +0000
Subject: Kettle {mark}
Message-ID: <1{mark}@home.example>
References: <0{mark}@home.example>
Content-Type: multipart/mixed; boundary="b"

--b
Content-Type: text/plain; charset=utf-7

It drips {mark} +2AA- .

On Mon, 16 Nov 2026 at 12:00, Agnes <support@desk.example> wrote:
> We are {mark} on it.
--b
Content-Type: text/html; charset=utf-8

<p title="{mark}">It {mark} drips &#0; &#xD800;</p>
--b
Content-Type: application/x-{mark}; name*=utf-7''+2AA-%00{mark}
Content-Disposition: attachment; filename="bill{mark}.pdf"
Content-ID: <cid{mark}@x>

%PDF
--b--
""".encode("utf-8", "surrogatepass")


def bounce(message_id: str) -> bytes:
    """A mail server's report that our mail's address does not exist (RFC 3464)."""
    return _report(message_id, "failed", "5.1.1", "smtp; 550 5.1.1 no such user")


def delay(message_id: str) -> bytes:
    """A mail server's report that it still tries."""
    return _report(message_id, "delayed", "4.4.1", "smtp; 451 4.4.1 connection timed out")


def full(message_id: str) -> bytes:
    """A mail server's report that it gave up on a full mailbox."""
    return _report(message_id, "failed", "5.2.2", "smtp; 552 5.2.2 mailbox full")


def _report(message_id: str, action: str, status: str, diagnosis: str) -> bytes:
    return f"""\
From: Mail Delivery System <MAILER-DAEMON@home.example>
To: {US}
Date: Wed, 18 Nov 2026 12:05:00 +0000
Subject: Delivery Status Notification
Message-ID: <report-{action}@home.example>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

Your mail to lucie@home.example: {diagnosis}

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; home.example

Final-Recipient: rfc822; lucie@home.example
Action: {action}
Status: {status}
Diagnostic-Code: {diagnosis}

--b
Content-Type: text/rfc822-headers

From: {US}
To: lucie@home.example
Message-ID: {message_id}
Subject: Re: My kettle leaks

--b--
""".replace("\n", "\r\n").encode()
