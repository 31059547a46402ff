"""Email: reading what came in, and composing and sending what goes out."""
