"""The doors for providers and customers: everything HTTP that is not under /api/v1."""
