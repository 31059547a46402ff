"""Reports of programs on a mail of ours, as mail servers write them."""

from tests.channels.letters import US

NOBODY = "Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no such user\n"
FULL = "Action: failed\nStatus: 5.2.2\nDiagnostic-Code: smtp; 552 5.2.2 mailbox full\n"
TRIED = "Action: delayed\nStatus: 4.4.1\nDiagnostic-Code: smtp; 451 4.4.1 connection timed out\n"
ARRIVED = "Action: delivered\nStatus: 2.1.5\n"


def delivery(message_id: str, *results: str, recipient: str = "lucie@home.example", mark: str = "1") -> bytes:
    """A delivery report (RFC 3464) with these results, all for the recipient unless they name another one."""
    named = (one if "Final-Recipient" in one else f"Final-Recipient: rfc822; {recipient}\n{one}" for one in results)
    fields = "Reporting-MTA: dns; mx.example\n\n" + "\n".join(named)
    return report("delivery-status", "message/delivery-status", fields, message_id, mark=mark)


def complaint(message_id: str, feedback_type: str = "abuse", *, mark: str = "1") -> bytes:
    """A complaint (RFC 5965)."""
    fields = f"Feedback-Type: {feedback_type}\nUser-Agent: Provider/1.0\nVersion: 1\n"
    return report("feedback-report", "message/feedback-report", fields, message_id, mark=mark)


def disposition(message_id: str, what: str = "displayed") -> bytes:
    """A read receipt (RFC 8098)."""
    mode = "manual-action/MDN-sent-manually"
    fields = (
        f"Final-Recipient: rfc822; lucie@home.example\nOriginal-Message-ID: {message_id}\nDisposition: {mode}; {what}\n"
    )
    return report("disposition-notification", "message/disposition-notification", fields, "<none@x.example>")


def report(kind: str, content_type: str, fields: str, message_id: str, *, mark: str = "1") -> bytes:
    """A report of any kind, with the headers of the mail that it is about."""
    return f"""\
From: Mail Delivery System <MAILER-DAEMON@mx.example>
To: {US}
Date: Wed, 18 Nov 2026 12:05:00 +0000
Subject: A report
Message-ID: <{kind}-{mark}@mx.example>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type={kind}; boundary="b"

--b
Content-Type: text/plain

Your mail.

--b
Content-Type: {content_type}

{fields}
--b
Content-Type: text/rfc822-headers

From: {US}
To: lucie@home.example
Message-ID: {message_id}
Subject: Re: My kettle leaks

--b--
""".replace("\n", "\r\n").encode()
