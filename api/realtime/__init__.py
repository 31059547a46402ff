"""The live feed: what is published (`ticketing.realtime`) on its way to whoever listens, as Server-Sent Events."""
