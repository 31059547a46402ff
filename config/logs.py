"""One structured line on standard error per thing that happened; what must not be in a log is taken out here.

Ids of the request, job and ticket come along by `structlog.contextvars.bound_contextvars(ticket_id=…)`.
"""

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, Processor

OUR_OWN = frozenset({"at", "level", "method", "request_id", "route", "status"})  # we make these values ourselves
LONGEST_VALUE = 4000  # characters
DEEPEST = 4  # dicts and lists in one another

# Libraries speak through the standard library's logging. A provider's client, for one, logs whole requests.
LIBRARIES = {
    "aiosmtpd": logging.WARNING,
    "alembic": logging.WARNING,
    "asyncio": logging.WARNING,
    "gunicorn": logging.INFO,
    "mail.log": logging.WARNING,  # aiosmtpd's, with every address
    "rq": logging.WARNING,
    "rq.worker": logging.WARNING,  # left alone, it chooses INFO for itself
    "sqlalchemy": logging.WARNING,
    "twilio": logging.WARNING,
    "urllib3": logging.WARNING,
    "werkzeug": logging.WARNING,
}

SECRET_KEY = re.compile(
    r"(^|_)(token|secret|password|passphrase|authorization|cookie|signature|credentials?|api_key|secret_key|dsn)$"
)
PERSONAL_KEY = re.compile(
    r"(^|_)(body|html|text|content|subject|payload|raw|quoted|email|phone|address|handle|sender|recipients?)$"
)

PATTERNS = [
    (re.compile(r"\bcpt_[\w-]+"), "[secret]"),  # our own tokens
    (re.compile(r"(?i)\b(bearer|basic) +[\w.~+/=-]+"), r"\1 [secret]"),
    (re.compile(r"(://)[^\s/@]{0,200}:[^\s/@]{0,200}@"), r"\1[secret]@"),
    (re.compile(r"(?i)\b(token|secret|password|key|signature)=[^\s&\"']+"), r"\1=[secret]"),
    # The local part is at most 64 characters (RFC 5321, 4.5.3.1.1); the bound keeps a hostile line cheap.
    (re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}(?:@|%40)[\w.-]{1,255}"), "[address]"),
    (re.compile(r"(?:\+|%2B)[1-9](?:[ .()-]{0,2}\d){6,14}(?!\d)"), "[number]"),
]
LONG_WORD = re.compile(r"[\w-]{32,}", re.ASCII)
PROVIDER_ID = re.compile(r"[A-Z]{2}[0-9a-f]{32}")  # Twilio's SIDs are no secrets


def configure_logs(level: str, log_format: str) -> None:
    """Send our own and the libraries' lines to standard error. `level` and `log_format` as in Settings."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer(log_format)],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name, quietest in LIBRARIES.items():
        logging.getLogger(name).setLevel(max(quietest, root.level))


def _renderer(log_format: str) -> Processor:
    if log_format == "console":
        return structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), timestamp_key="at", exception_formatter=structlog.dev.plain_traceback
        )
    return structlog.processors.JSONRenderer(serializer=_json)


def _json(line: dict[str, Any], **_: Any) -> str:
    options = orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z
    return orjson.dumps(line, default=repr, option=options).decode("utf-8")


def redact(_logger: Any, _method: str, line: EventDict) -> EventDict:
    """Take tokens, addresses, numbers and bodies out of a line, by their key or by what they look like."""
    return {
        key: value if key in OUR_OWN or key.startswith("_") else _redacted(key, value, DEEPEST)
        for key, value in line.items()
    }


def _redacted(key: str, value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if SECRET_KEY.search(key.lower()) or PERSONAL_KEY.search(key.lower()):
        return "[redacted]"
    if isinstance(value, str):
        return mask(value)
    if depth and isinstance(value, Mapping):
        return {name: _redacted(str(name), inner, depth - 1) for name, inner in value.items()}
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [_redacted(key, inner, depth - 1) for inner in value]
    return mask(str(value))


def mask(text: str) -> str:
    """Return the text with whatever looks like a secret, an email address or a phone number masked."""
    if len(text) > LONGEST_VALUE:  # a traceback says at its beginning where, and at its end what
        text = text[: LONGEST_VALUE // 4] + " … " + text[-LONGEST_VALUE * 3 // 4 :]
    for pattern, instead in PATTERNS:
        text = pattern.sub(instead, text)
    return LONG_WORD.sub(lambda found: "[secret]" if _looks_random(found[0]) else found[0], text)


def _looks_random(word: str) -> bool:
    """Say whether a long word has all that a generated token has, and ids and names lack."""
    kinds = [any(character.islower() for character in word), any(character.isupper() for character in word)]
    return all(kinds) and any(character.isdigit() for character in word) and not PROVIDER_ID.fullmatch(word)
