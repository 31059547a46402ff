"""Read every setting from the environment, once, into frozen dataclasses.

The table of settings is in docs/settings.md; a test holds it, `.env.example` and this file together.
A secret may also come from a file: `NAME_FILE=/run/secrets/name` works for every variable.
"""

import contextlib
import hashlib
import hmac
import importlib.util
import re
import secrets
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from environs import EnvError, EnvValidationError, FileAwareEnv
from marshmallow.validate import Length, OneOf, Range, Regexp

from config.running import read as read_running

SANDBOX_MAILBOX = "/sandbox"  # the path of an SMTP URL at which the sandbox itself listens; no relay has one
ADDRESS_OR_NONE = r"([^\s@<>()\",;:\\]+@[^\s@<>()\",;:\\]+)?$"
SECRET_KEY_FILE = "secret.key"  # noqa: S105 - a file's name


class SettingsError(Exception):
    """A setting is missing or absurd; the message names the variable."""


@dataclass(frozen=True)
class TwilioAccount:
    """Whose numbers we answer, and where Twilio's REST API is."""

    account_sid: str
    auth_token: str = field(repr=False)
    api_base: str  # no slash at the end
    api_key_sid: str = ""  # with its secret it signs the tokens of softphones; "": no browser can be a phone
    api_key_secret: str = field(default="", repr=False)


@dataclass(frozen=True)
class OpenIDProvider:
    """Who else says who people are, by OpenID Connect."""

    issuer: str  # as it names itself
    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True)
class MailCertificate:
    """With what our SMTP listener offers STARTTLS: PEM files, read again when they change."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Rate:
    """How often something may happen: `amount` times in a span."""

    amount: int
    seconds: int


@dataclass(frozen=True)
class Settings:
    """Everything that an operator can choose. Times are seconds, sizes are bytes."""

    host: str
    port: int
    public_url: str  # no slash at the end
    public_url_is_given: bool  # if not, a signature may also be made over the address that the caller used
    local_url: str  # how this machine itself reaches the web server
    smtp_host: str
    smtp_port: int
    smtp_max_bytes: int
    smtp_max_connections: int
    smtp_max_connections_per_address: int
    smtp_workers: int  # processes of the listener; with SQLite it is always one
    smtp_starttls: str  # "optional" or "required"; of no meaning without a certificate
    mail_certificate: MailCertificate | None  # None: no STARTTLS
    lmtp_port: int | None  # None: no LMTP on a port
    lmtp_socket: Path | None  # None: no LMTP on a socket in the file system
    data_dir: Path
    database_url: str = field(repr=False)
    redis_url: str | None = field(repr=False)  # None: there is no fast wake-up, the ticker does all the work
    secret_key: str = field(repr=False)
    sandbox: bool
    twilio: TwilioAccount | None  # None: phone and SMS are off
    smtp_url: str | None = field(repr=False)  # None: no mail can go out
    alerts_from: str  # the address from which agents are written to; "": the desk's oldest mail inbox
    storage_url: str
    defaults_file: Path | None  # None: the defaults that come with the package
    web_workers: int
    web_threads: int
    request_max_bytes: int
    attachment_max_bytes: int
    delivery_lease_seconds: int
    tick_seconds: float
    solved_grace_seconds: int  # a ticket that is solved for so long is closed
    rate_limit: Rate | None  # of a token or a login; None: no limit
    login_rate_limit: Rate | None  # of attempts from one address
    chat_rate_limit: Rate | None  # of a visitor, or of an address without one
    trusted_proxies: int  # how many of ours stand in front and write X-Forwarded-For
    private_addresses: bool  # whether webhooks and feeds may lead into our own network
    openid: OpenIDProvider | None  # None: people log in with a password only
    log_level: str
    log_format: str
    transcription: str = ""  # who writes down recordings: "", "twilio", "GA…", an address, or package.module:function
    delete_at_twilio: bool = False  # whether Twilio's copy of a recording goes as soon as we have ours
    reconcile: bool = True  # whether Twilio is asked for what no webhook told us
    web_streams: int = 3000  # live streams that one web process holds open

    @property
    def most_streams(self) -> int:
        """Return how many live streams one web process holds open: with SQLite each takes a thread."""
        return min(self.web_streams, self.web_threads // 2) if self.uses_sqlite else self.web_streams

    @property
    def uses_sqlite(self) -> bool:
        """Say whether the store is SQLite, where writers take turns inside one process."""
        return self.database_url.startswith("sqlite")


def load_settings(*, embedded: bool = False, **overrides: Any) -> Settings:
    """Return the settings of this process.

    `embedded` is for `comptoir serve`: what is not given gets a working default (the sandbox, a secret key kept in the
    data folder). `overrides` are values by their variable's name in lower case without `COMPTOIR_` (`port=9000`), from
    the command line; None means not given. Raises SettingsError with one sentence per wrong variable.
    """
    env = FileAwareEnv(eager=False, strip_whitespace=True)
    given = {name: value for name, value in overrides.items() if value is not None}
    raw = _read(env)
    try:
        env.seal()
    except EnvValidationError as error:
        raise SettingsError(_sentences(error)) from None
    raw |= given
    return _assemble(raw, embedded=embedded)


def _read(env: FileAwareEnv) -> dict[str, Any]:
    port = Range(min=1, max=65535)
    read: dict[str, Callable[[], Any]] = {
        "host": lambda: env.str("COMPTOIR_HOST", "127.0.0.1", validate=Length(min=1)),
        "port": lambda: env.int("COMPTOIR_PORT", 8000, validate=port),
        "public_url": lambda: env.str("COMPTOIR_PUBLIC_URL", ""),
        "smtp_host": lambda: env.str("COMPTOIR_SMTP_HOST", "127.0.0.1", validate=Length(min=1)),
        "smtp_port": lambda: env.int("COMPTOIR_SMTP_PORT", 2525, validate=port),
        "smtp_max_bytes": lambda: env.int("COMPTOIR_SMTP_MAX_BYTES", 26_214_400, validate=Range(min=65_536)),
        "smtp_max_connections": lambda: env.int(
            "COMPTOIR_SMTP_MAX_CONNECTIONS", 200, validate=Range(min=1, max=10_000)
        ),
        "smtp_max_connections_per_address": lambda: env.int(
            "COMPTOIR_SMTP_MAX_CONNECTIONS_PER_ADDRESS", 50, validate=Range(min=1, max=10_000)
        ),
        "smtp_workers": lambda: env.int("COMPTOIR_SMTP_WORKERS", 2, validate=Range(min=1, max=64)),
        "smtp_starttls": lambda: env.str(
            "COMPTOIR_SMTP_STARTTLS", "optional", validate=OneOf(["optional", "required"])
        ),
        "smtp_tls_certificate": lambda: env.str("COMPTOIR_SMTP_TLS_CERTIFICATE", ""),
        "smtp_tls_key": lambda: env.str("COMPTOIR_SMTP_TLS_KEY", ""),
        "lmtp_port": lambda: env.str("COMPTOIR_LMTP_PORT", ""),
        "lmtp_socket": lambda: env.str("COMPTOIR_LMTP_SOCKET", ""),
        "data_dir": lambda: env.path("COMPTOIR_DATA_DIR", Path("./var")),
        "database_url": lambda: env.str("COMPTOIR_DATABASE_URL", ""),
        "redis_url": lambda: env.str("COMPTOIR_REDIS_URL", ""),
        "secret_key": lambda: env.str("COMPTOIR_SECRET_KEY", ""),
        "sandbox": lambda: env.str("COMPTOIR_SANDBOX", "", validate=OneOf(["", "on", "off"])),
        "twilio_account_sid": lambda: env.str("TWILIO_ACCOUNT_SID", ""),
        "twilio_auth_token": lambda: env.str("TWILIO_AUTH_TOKEN", ""),
        "twilio_api_key_sid": lambda: env.str("TWILIO_API_KEY_SID", ""),
        "twilio_api_key_secret": lambda: env.str("TWILIO_API_KEY_SECRET", ""),
        "twilio_api_base": lambda: env.str("COMPTOIR_TWILIO_API_BASE", ""),
        "transcription": lambda: env.str("COMPTOIR_TRANSCRIPTION", ""),
        "delete_at_twilio": lambda: env.str("COMPTOIR_DELETE_AT_TWILIO", "off", validate=OneOf(["on", "off"])),
        "reconcile": lambda: env.str("COMPTOIR_RECONCILE", "on", validate=OneOf(["on", "off"])),
        "smtp_url": lambda: env.str("COMPTOIR_SMTP_URL", ""),
        "alerts_from": lambda: env.str("COMPTOIR_ALERTS_FROM", "", validate=Regexp(ADDRESS_OR_NONE)),
        "storage_url": lambda: env.str("COMPTOIR_STORAGE_URL", ""),
        "defaults_file": lambda: env.str("COMPTOIR_DEFAULTS_FILE", ""),
        "web_workers": lambda: env.int("COMPTOIR_WEB_WORKERS", 2, validate=Range(min=1, max=64)),
        "web_threads": lambda: env.int("COMPTOIR_WEB_THREADS", 200, validate=Range(min=4, max=2000)),
        "web_streams": lambda: env.int("COMPTOIR_WEB_STREAMS", 3000, validate=Range(min=1, max=50_000)),
        "request_max_bytes": lambda: env.int("COMPTOIR_REQUEST_MAX_BYTES", 26_214_400, validate=Range(min=65_536)),
        "attachment_max_bytes": lambda: env.int(
            "COMPTOIR_ATTACHMENT_MAX_BYTES", 20_000_000, validate=Range(min=1, max=1_000_000_000)
        ),
        "delivery_lease_seconds": lambda: env.int(
            "COMPTOIR_DELIVERY_LEASE_SECONDS", 90, validate=Range(min=1, max=3600)
        ),
        "tick_seconds": lambda: env.float("COMPTOIR_TICK_SECONDS", 1.0, validate=Range(min=0.05, max=60)),
        "rate_limit": lambda: env.str("COMPTOIR_RATE_LIMIT", "12000/minute"),
        "login_rate_limit": lambda: env.str("COMPTOIR_LOGIN_RATE_LIMIT", "10/minute"),
        "chat_rate_limit": lambda: env.str("COMPTOIR_CHAT_RATE_LIMIT", "600/minute"),
        "trusted_proxies": lambda: env.int("COMPTOIR_TRUSTED_PROXIES", 0, validate=Range(min=0, max=10)),
        "private_addresses": lambda: env.str("COMPTOIR_PRIVATE_ADDRESSES", "off", validate=OneOf(["on", "off"])),
        "oidc_issuer": lambda: env.str("COMPTOIR_OIDC_ISSUER", ""),
        "oidc_client_id": lambda: env.str("COMPTOIR_OIDC_CLIENT_ID", ""),
        "oidc_client_secret": lambda: env.str("COMPTOIR_OIDC_CLIENT_SECRET", ""),
        "solved_grace_seconds": lambda: env.int(
            "COMPTOIR_SOLVED_GRACE_SECONDS", 345_600, validate=Range(min=0, max=31_536_000)
        ),
        "log_level": lambda: env.str(
            "COMPTOIR_LOG_LEVEL", "info", validate=OneOf(["debug", "info", "warning", "error"])
        ),
        "log_format": lambda: env.str("COMPTOIR_LOG_FORMAT", "json", validate=OneOf(["json", "console"])),
    }
    values = {}
    for name, one in read.items():
        try:
            values[name] = one()
        except EnvError as error:  # a NAME_FILE that cannot be read is not deferred
            raise SettingsError(str(error)) from None
        except ValueError as error:
            raise SettingsError(str(error)) from None
    return values


def _sentences(error: EnvValidationError) -> str:
    problems = error.error_messages
    if not isinstance(problems, dict):
        return " ".join(problems)
    return "\n".join(f"{name}: {' '.join(ones)}" for name, ones in sorted(problems.items()))


def _assemble(raw: dict[str, Any], *, embedded: bool) -> Settings:
    data_dir = Path(raw["data_dir"]).expanduser().absolute()
    running = read_running(data_dir)
    sandbox = _sandbox(raw, running, embedded=embedded)
    local_url = running.get("local_url") or _local_url(raw)
    public_url = raw["public_url"] or running.get("public_url") or local_url
    _check_url("COMPTOIR_PUBLIC_URL", public_url, {"http", "https"})
    database_url = raw["database_url"] or f"sqlite:///{data_dir / 'comptoir.sqlite3'}"
    _check_url("COMPTOIR_DATABASE_URL", database_url, {"sqlite", "postgresql+psycopg"})
    redis_url = raw["redis_url"] or running.get("redis_url", "")
    if redis_url:
        _check_url("COMPTOIR_REDIS_URL", redis_url, {"redis", "rediss", "unix"})
    smtp_url = raw["smtp_url"] or (running.get("smtp_url", "") if sandbox else "")
    if smtp_url:
        _check_url("COMPTOIR_SMTP_URL", smtp_url, {"smtp", "smtps"})
    # One machine's store keeps its own secret; processes on several hosts must be given the same one.
    keeps_secret = embedded or database_url.startswith("sqlite")
    secret_key = raw["secret_key"] or _kept_secret(data_dir, create=keeps_secret)
    if len(secret_key) < 32:
        raise SettingsError("COMPTOIR_SECRET_KEY must be set to at least 32 random characters (`openssl rand -hex 32`)")
    storage_url = raw["storage_url"] or f"file://{data_dir / 'files'}"
    _check_url("COMPTOIR_STORAGE_URL", storage_url, {"file", "s3"})
    return Settings(
        **{name: raw[name] for name in _AS_THEY_ARE},
        public_url=public_url.rstrip("/"),
        public_url_is_given=bool(raw["public_url"]),
        local_url=local_url,
        smtp_port=raw["smtp_port"] if embedded else int(running.get("smtp_port", raw["smtp_port"])),
        mail_certificate=_mail_certificate(raw),
        lmtp_port=_lmtp_port(raw["lmtp_port"]),
        lmtp_socket=Path(raw["lmtp_socket"]).absolute() if raw["lmtp_socket"] else None,
        data_dir=data_dir,
        database_url=database_url,
        redis_url=redis_url or None,
        secret_key=secret_key,
        sandbox=sandbox,
        twilio=_twilio(raw, secret_key, local_url, sandbox=sandbox),
        smtp_url=smtp_url or None,
        storage_url=storage_url,
        defaults_file=Path(raw["defaults_file"]) if raw["defaults_file"] else None,
        rate_limit=_rate("COMPTOIR_RATE_LIMIT", raw["rate_limit"]),
        login_rate_limit=_rate("COMPTOIR_LOGIN_RATE_LIMIT", raw["login_rate_limit"]),
        chat_rate_limit=_rate("COMPTOIR_CHAT_RATE_LIMIT", raw["chat_rate_limit"]),
        private_addresses=raw["private_addresses"] == "on",
        openid=_openid(raw),
        transcription=_transcription(raw["transcription"]),
        delete_at_twilio=raw["delete_at_twilio"] == "on",
        reconcile=raw["reconcile"] == "on",
    )


SPANS = {"second": 1, "minute": 60, "hour": 3600}
_AS_THEY_ARE = (
    "host",
    "port",
    "smtp_host",
    "smtp_max_bytes",
    "smtp_max_connections",
    "smtp_max_connections_per_address",
    "smtp_starttls",
    "smtp_workers",
    "web_workers",
    "web_threads",
    "web_streams",
    "request_max_bytes",
    "attachment_max_bytes",
    "delivery_lease_seconds",
    "tick_seconds",
    "alerts_from",
    "solved_grace_seconds",
    "trusted_proxies",
    "log_level",
    "log_format",
)


def _kept_secret(data_dir: Path, *, create: bool) -> str:
    path = data_dir / SECRET_KEY_FILE
    if create and not path.exists():
        _write_secret(path)
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise SettingsError(f"COMPTOIR_DATA_DIR: cannot read {path}: {error.strerror}") from None


def _write_secret(path: Path) -> None:
    """Keep a new secret for this folder; when two processes start at once, the first one's stays."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".secret-", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(file.name)
    except OSError as error:
        raise SettingsError(f"COMPTOIR_DATA_DIR: cannot write in {path.parent}: {error.strerror}") from None


def _sandbox(raw: dict[str, Any], running: dict[str, str], *, embedded: bool) -> bool:
    has_account = bool(raw["twilio_account_sid"] or raw["twilio_auth_token"])
    if raw["sandbox"] == "on" and has_account:
        raise SettingsError(
            "COMPTOIR_SANDBOX is on beside a real TWILIO_ACCOUNT_SID or TWILIO_AUTH_TOKEN: "
            "the sandbox would play a provider that customers really use; unset one of them"
        )
    if raw["sandbox"]:
        return bool(raw["sandbox"] == "on")
    return not has_account and (embedded or running.get("sandbox") == "on")


def _local_url(raw: dict[str, Any]) -> str:
    host = "127.0.0.1" if raw["host"] in {"0.0.0.0", "::"} else raw["host"]  # noqa: S104 - compared, not bound
    return f"http://[{host}]:{raw['port']}" if ":" in host else f"http://{host}:{raw['port']}"


def _check_url(variable: str, url: str, schemes: set[str]) -> None:
    parts = urlsplit(url)
    if parts.scheme not in schemes:
        raise SettingsError(f"{variable} must start with {' or '.join(sorted(s + '://' for s in schemes))}")
    if parts.scheme in {"http", "https", "smtp", "smtps"} and not parts.hostname:
        raise SettingsError(f"{variable} names no host")
    if parts.scheme == "s3" and not parts.netloc:
        raise SettingsError(f"{variable} names no bucket: s3://bucket/folder")


def _mail_certificate(raw: dict[str, Any]) -> MailCertificate | None:
    certificate, key = raw["smtp_tls_certificate"], raw["smtp_tls_key"]
    if bool(certificate) != bool(key):
        raise SettingsError("COMPTOIR_SMTP_TLS_CERTIFICATE and COMPTOIR_SMTP_TLS_KEY go together: set both or neither")
    if not certificate and raw["smtp_starttls"] == "required":
        raise SettingsError("COMPTOIR_SMTP_STARTTLS is required, but there is no COMPTOIR_SMTP_TLS_CERTIFICATE")
    return MailCertificate(Path(certificate).absolute(), Path(key).absolute()) if certificate else None


def _lmtp_port(text: str) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or not 1 <= int(text) <= 65535 or int(text) == 25:  # RFC 2033, 5: never on SMTP's port
        raise SettingsError("COMPTOIR_LMTP_PORT must be a port's number, 1 to 65535, and not SMTP's own, 25")
    return int(text)


def _rate(variable: str, text: str) -> Rate | None:
    if text == "off":
        return None
    amount, _, unit = text.partition("/")
    if unit not in SPANS or not amount.isdecimal() or not 1 <= int(amount) <= 10_000_000:
        raise SettingsError(f"{variable} must be like 100/minute (or second, or hour), or off")
    return Rate(int(amount), SPANS[unit])


def _transcription(text: str) -> str:
    known = text in ("", "twilio") or re.fullmatch(r"GA[0-9a-f]{32}|[A-Za-z_][\w.]*:[A-Za-z_]\w*", text)
    if not known and not text.startswith("https://"):
        raise SettingsError(
            "COMPTOIR_TRANSCRIPTION must be twilio, the id of a service of Conversational Intelligence (GA…), "
            "an address (https://…) or a function (package.module:function)"
        )
    if text.startswith("https://"):
        _check_url("COMPTOIR_TRANSCRIPTION", text, {"https"})
    return text


def _openid(raw: dict[str, Any]) -> OpenIDProvider | None:
    issuer, client_id, client_secret = raw["oidc_issuer"], raw["oidc_client_id"], raw["oidc_client_secret"]
    if not (issuer or client_id or client_secret):
        return None
    if not (issuer and client_id and client_secret):
        raise SettingsError(
            "COMPTOIR_OIDC_ISSUER, COMPTOIR_OIDC_CLIENT_ID and COMPTOIR_OIDC_CLIENT_SECRET go together: set all or none"
        )
    _check_url("COMPTOIR_OIDC_ISSUER", issuer, {"http", "https"})
    if importlib.util.find_spec("joserfc") is None:
        raise SettingsError("COMPTOIR_OIDC_ISSUER needs more packages: pip install 'comptoir[oauth]'")
    return OpenIDProvider(issuer, client_id, client_secret)


def _twilio(raw: dict[str, Any], secret_key: str, local_url: str, *, sandbox: bool) -> TwilioAccount | None:
    sid, token = raw["twilio_account_sid"], raw["twilio_auth_token"]
    if sandbox:
        return sandbox_account(secret_key, raw["twilio_api_base"] or f"{local_url}/sandbox/twilio")
    key_sid, key_secret = raw["twilio_api_key_sid"], raw["twilio_api_key_secret"]
    if bool(key_sid) != bool(key_secret) or (key_sid and not sid):
        raise SettingsError(
            "TWILIO_API_KEY_SID and TWILIO_API_KEY_SECRET go together, and with TWILIO_ACCOUNT_SID: set all or neither"
        )
    if not sid and not token:
        return None
    if not (sid and token):
        raise SettingsError("TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN go together: set both or neither")
    api_base = raw["twilio_api_base"] or "https://api.twilio.com"
    _check_url("COMPTOIR_TWILIO_API_BASE", api_base, {"http", "https"})
    return TwilioAccount(
        account_sid=sid,
        auth_token=token,
        api_base=api_base.rstrip("/"),
        api_key_sid=key_sid,
        api_key_secret=key_secret,
    )


def sandbox_account(secret_key: str, api_base: str) -> TwilioAccount:
    """Return the sandbox's own account, which follows from the secret key and is no real one."""
    return TwilioAccount(
        account_sid="AC" + derived_key(secret_key, "sandbox account")[:32],
        auth_token=derived_key(secret_key, "sandbox token")[:32],
        api_base=api_base.rstrip("/"),
        api_key_sid="SK" + derived_key(secret_key, "sandbox key")[:32],
        api_key_secret=derived_key(secret_key, "sandbox key secret")[:32],
    )


def derived_key(secret_key: str, purpose: str) -> str:
    """Return a key of 64 hex digits for one purpose, so that no two purposes share the secret itself."""
    return hmac.new(secret_key.encode(), purpose.encode(), hashlib.sha256).hexdigest()
