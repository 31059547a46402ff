"""What `comptoir serve` says once it is open: where everything is, who one may be, and a first call to try."""

from collections.abc import Callable, Mapping

from config.settings import Settings

PAGES = [  # title, path; a page that this version does not have is left out
    ("Console", "/console"),
    ("Sandbox", "/sandbox"),
    ("API", "/docs"),
]


def banner(settings: Settings, tokens: Mapping[str, str], *, has_page: Callable[[str], bool], started_in: float) -> str:
    """Return the text for the newcomer. `tokens` are the demonstration's, by role; `started_in` is seconds."""
    lines = ["", "Comptoir is open.", ""]
    lines += [f"  {title:<11}{settings.public_url}{path}" for title, path in PAGES if has_page(path)]
    lines += [
        f"  {'Mail in':<11}SMTP on {settings.smtp_host} port {settings.smtp_port}",
        f"  {'Data':<11}{settings.data_dir}",
    ]
    if tokens:
        width = max(len(role) for role in tokens) + 2
        lines += ["", "Tokens of the demonstration:", ""]
        lines += [f"  {role:<{width}}{token}" for role, token in tokens.items()]
        lines += ["", "Try:", "", f"  {_first_call(settings, tokens)}"]
    return "\n".join([*lines, "", f"Started in {started_in:.1f} s. Ctrl-C closes it.", ""])


def _first_call(settings: Settings, tokens: Mapping[str, str]) -> str:
    token = tokens.get("agent") or next(iter(tokens.values()))
    return f"curl -s -H 'Authorization: Bearer {token}' '{settings.public_url}/api/v1/tickets?sort=due'"
