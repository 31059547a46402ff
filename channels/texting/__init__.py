"""Text messages and WhatsApp, both by Twilio's messages."""
