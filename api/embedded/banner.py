"""What `comptoir serve` says once it is open: where everything is, who one may be, and a first call to try."""

import sys
from collections.abc import Mapping
from pathlib import Path
from shlex import quote

from config.settings import Settings

PAGES = [("API", "/docs")]  # title, path
SANDBOX_PAGES = [("Sandbox", "/sandbox"), ("Outbox", "/sandbox/outbox")]


def banner(settings: Settings, tokens: Mapping[str, str], *, started_in: float) -> str:
    """Return the text for the newcomer. `tokens` are the demonstration's, by role; `started_in` is seconds."""
    lines = ["", "Comptoir is open.", ""]
    pages = (SANDBOX_PAGES if settings.sandbox else []) + PAGES
    lines += [f"  {title:<11}{settings.public_url}{path}" for title, path in pages]
    lines += [
        f"  {'Mail in':<11}SMTP on {settings.smtp_host} port {settings.smtp_port}",
        f"  {'Data':<11}{settings.data_dir}",
    ]
    if tokens:
        width = max(len(role) for role in tokens) + 2
        lines += ["", "Tokens of the demonstration:", ""]
        lines += [f"  {role:<{width}}{token}" for role, token in tokens.items()]
        lines += ["", "Be a customer, then an agent, from another terminal (or on the sandbox’s page):", ""]
        lines += [f"  {_first_customer(settings)}", f"  {_first_call(settings, tokens)}"]
    return "\n".join([*lines, "", f"Started in {started_in:.1f} s. Ctrl-C closes it.", ""])


def _first_customer(settings: Settings) -> str:
    """Return a command that works in this folder, whatever the settings are."""
    usual = settings.data_dir == Path("var").absolute()
    folder = "" if usual else f"COMPTOIR_DATA_DIR={quote(str(settings.data_dir))} "
    started_by = sys.argv[0]
    program = Path(started_by).name == "comptoir"
    command = quote(started_by) if program else f"{quote(sys.executable)} -m api.embedded"
    return f"{folder}{command} simulate email --body 'My kettle leaks.'"


def _first_call(settings: Settings, tokens: Mapping[str, str]) -> str:
    token = tokens.get("agent") or next(iter(tokens.values()))
    return f"curl -s -H 'Authorization: Bearer {token}' '{settings.public_url}/api/v1/tickets?sort=due'"
