"""Serve the raw yardstick by the very gunicorn that serves ours; `benchmarks.stage` starts it, with our settings."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent))

from api.web_server import WebServer
from config.settings import load_settings

if TYPE_CHECKING:
    from flask import Flask


class YardstickServer(WebServer):
    """Our web server around the raw app."""

    def load(self) -> "Flask":
        """Make the raw app, in the worker."""
        from benchmarks.yardstick import create_yardstick  # not before gevent has patched

        return create_yardstick(self._settings.database_url)


if __name__ == "__main__":
    YardstickServer(load_settings(), listening_on=int(sys.argv[1])).run()
