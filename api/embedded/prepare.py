"""The task before the parts start: bring the store up to date, fill an empty one, print the demonstration's tokens.

A program of its own, `python -m api.embedded.prepare`, so that the parent needs no database code in its memory.
"""

import json
import sys

from api.app import create_core
from api.seed import demo_tokens, initialise
from config.logs import configure_logs
from config.settings import load_settings


def main() -> None:
    """Prepare the store that the environment names; print `{role: token}` as JSON."""
    settings = load_settings(embedded=True)
    configure_logs(settings.log_level, settings.log_format)
    app = create_core(settings)
    # Beside a real provider's account there is no place for invented agents with known tokens.
    initialise(app, demo=settings.sandbox)
    json.dump(demo_tokens(app) if settings.sandbox else {}, sys.stdout)


if __name__ == "__main__":
    main()
