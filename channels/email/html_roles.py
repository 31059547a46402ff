"""Know by the marks that mail programs leave in their HTML which part of it is quoted, history or signature. Pure.

`sanitise` drops classes and ids but for these, and writes them in our own words, which `html_quoting` reads and a
front-end may style: mail-attribution, mail-quote, mail-history, mail-forward, mail-signature.
"""

import re
from enum import StrEnum


class Role(StrEnum):
    """What a part of a mail is, as the program that wrote it says."""

    ATTRIBUTION = "mail-attribution"  # On Monday Jane wrote:
    QUOTE = "mail-quote"
    HISTORY = "mail-history"  # older mails begin here
    FORWARD = "mail-forward"
    SIGNATURE = "mail-signature"


ROLES = {  # class, id or name, folded -> what it means
    "gmail_attr": Role.ATTRIBUTION,
    "moz-cite-prefix": Role.ATTRIBUTION,  # Thunderbird
    "reply-intro": Role.ATTRIBUTION,  # Roundcube
    "airmail_on": Role.ATTRIBUTION,
    "protonmail_quote": Role.QUOTE,
    "tutanota_quote": Role.QUOTE,
    "front-blockquote": Role.QUOTE,
    "yahoo_quoted": Role.HISTORY,
    "appendonsend": Role.HISTORY,  # Outlook on the web
    "divrplyfwdmsg": Role.HISTORY,
    "stopspelling": Role.HISTORY,  # Hotmail's
    "olk_src_body_section": Role.HISTORY,  # Outlook for Mac
    "ms-outlook-mobile-reference-message": Role.HISTORY,
    "mail-editor-reference-message-container": Role.HISTORY,
    "zwchr": Role.HISTORY,  # Zimbra
    "ntes-mailmaster-quote": Role.HISTORY,  # NetEase
    "isreplycontent": Role.HISTORY,  # NetEase on the web
    "messagereplysection": Role.HISTORY,  # Spark
    "zmail_extra": Role.HISTORY,  # Zoho
    "moz-forward-container": Role.FORWARD,
    "signature": Role.SIGNATURE,  # Outlook on the web
    "gmail_signature": Role.SIGNATURE,
    "gmail_signature_prefix": Role.SIGNATURE,
    "moz-signature": Role.SIGNATURE,
    "protonmail_signature_block": Role.SIGNATURE,
    "ms-outlook-mobile-signature": Role.SIGNATURE,
    "applemailsignature": Role.SIGNATURE,
    "messagesignaturesection": Role.SIGNATURE,
    **{role.value: role for role in Role},
}

_IDS = "|".join(
    ["appendonsend", "divRplyFwdMsg", "stopSpelling", "OLK_SRC_BODY_SECTION", "zwchr", "isReplyContent", "Signature"]
)
_ID = re.compile(
    rf"""(<(?:div|hr|blockquote|span|p)\b(?:[^<>"']|"[^"<>]*"|'[^'<>]*'){{0,300}}?\s)(?:id|name)\s*=\s*["']?
        ({_IDS}|ms-outlook-mobile-signature|reply-intro|messageReplySection|messageSignatureSection
        |mail-editor-reference-message-container|(?:[\w-]{{0,40}})yahoo_quoted)(?:_\w{{1,40}})?\b["']?""",
    re.IGNORECASE | re.VERBOSE,
)


def ids_as_classes(html: str) -> str:
    """Return HTML with the ids that mean something turned into classes, for ids would meet those of the page."""
    return _ID.sub(r'\1class="\2"', html)


def role_of(classes: str, tag: str) -> Role | None:
    """Return what an element's classes say that it is; None: nothing that matters here."""
    for name in classes.lower().split():
        if name == "gmail_quote" and tag == "blockquote":
            return Role.QUOTE  # the div of that name holds forwarded mails and answers too
        role = ROLES.get("yahoo_quoted" if name.endswith("yahoo_quoted") else name)
        if role is Role.QUOTE and tag != "blockquote":
            continue
        if role is not None:
            return role
    return None
