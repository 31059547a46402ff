"""Twilio's REST API, as far as its SDK's messages, calls, queues, conferences and recordings go."""
