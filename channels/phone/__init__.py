"""The phone: calls that come in, voicemail, and replies that are spoken."""
