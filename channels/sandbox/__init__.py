"""The provider that stands in for Twilio and for the world's mailboxes when there is no account."""
