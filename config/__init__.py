"""Settings and logs: knows nobody, everybody may know it."""

__version__ = "0.1.0"
