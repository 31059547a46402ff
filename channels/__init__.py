"""How messages travel: one adapter per channel, one gateway in, one delivery out."""
