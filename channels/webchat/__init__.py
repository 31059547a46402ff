"""Web chat: visitors' sessions and messages by REST, with a token of their own."""

from channels.webchat.abandoned import end_abandoned
from channels.webchat.adapter import WebChatChannel
from channels.webchat.conversation import conversation, file_of, note_read, note_seen
from channels.webchat.sessions import SaysOfThemselves, find_session, is_blocked, is_stale, open_session
from channels.webchat.widgets import find_widget, is_listed
from channels.webchat.words import MAX_BODY, MAX_CLIENT_ID

__all__ = [
    "MAX_BODY",
    "MAX_CLIENT_ID",
    "SaysOfThemselves",
    "WebChatChannel",
    "conversation",
    "end_abandoned",
    "file_of",
    "find_session",
    "find_widget",
    "is_blocked",
    "is_listed",
    "is_stale",
    "note_read",
    "note_seen",
    "open_session",
]
