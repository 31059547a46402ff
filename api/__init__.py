"""The composition root: HTTP, real time, commands, worker. Knows everyone."""
