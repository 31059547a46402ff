"""A wrong setting stops the start with a sentence that names the variable; a right one arrives."""

import json
from pathlib import Path

import pytest

from config import running
from config.settings import Settings, SettingsError, load_settings

KEY = "0123456789abcdef0123456789abcdef"

WRONG = {  # variable -> values that make no sense
    "COMPTOIR_HOST": [""],
    "COMPTOIR_PORT": ["0", "65536", "eighty", "80.5", ""],
    "COMPTOIR_PUBLIC_URL": ["support.example.com", "ftp://support.example.com", "https://"],
    "COMPTOIR_SMTP_HOST": [""],
    "COMPTOIR_SMTP_PORT": ["-1", "smtp"],
    "COMPTOIR_SMTP_MAX_BYTES": ["10", "25 MB"],
    "COMPTOIR_SMTP_MAX_CONNECTIONS": ["0", "10001"],
    "COMPTOIR_SMTP_MAX_CONNECTIONS_PER_ADDRESS": ["0", "all"],
    "COMPTOIR_SMTP_WORKERS": ["0", "65"],
    "COMPTOIR_SMTP_STARTTLS": ["off", "required"],  # without a certificate
    "COMPTOIR_SMTP_TLS_CERTIFICATE": ["/etc/mail.pem"],  # without its key
    "COMPTOIR_SMTP_TLS_KEY": ["/etc/mail.key"],  # without its certificate
    "COMPTOIR_LMTP_PORT": ["0", "25", "lmtp", "65536"],
    "COMPTOIR_DATABASE_URL": ["mysql://localhost/x", "postgresql://localhost/x", "comptoir.sqlite3"],
    "COMPTOIR_REDIS_URL": ["localhost:6379", "http://localhost"],
    "COMPTOIR_SECRET_KEY": ["short"],
    "COMPTOIR_SANDBOX": ["yes", "1"],
    "TWILIO_ACCOUNT_SID": ["AC0123"],  # without its token
    "TWILIO_AUTH_TOKEN": ["0123"],  # without its account
    "TWILIO_API_KEY_SID": ["SK0123"],  # without its secret
    "TWILIO_API_KEY_SECRET": ["0123"],  # without its key
    "COMPTOIR_SMTP_URL": ["mail.example.com:587", "smtp://"],
    "COMPTOIR_STORAGE_URL": ["/var/files", "ftp://files"],
    "COMPTOIR_WEB_WORKERS": ["0", "65", "many"],
    "COMPTOIR_WEB_THREADS": ["3", "2001"],
    "COMPTOIR_REQUEST_MAX_BYTES": ["0"],
    "COMPTOIR_DELIVERY_LEASE_SECONDS": ["0", "3601", "1.5"],
    "COMPTOIR_TICK_SECONDS": ["0", "61", "soon"],
    "COMPTOIR_RATE_LIMIT": ["", "100", "100/day", "0/minute", "many/minute"],
    "COMPTOIR_LOGIN_RATE_LIMIT": ["on", "-1/minute"],
    "COMPTOIR_CHAT_RATE_LIMIT": ["1.5/second"],
    "COMPTOIR_TRUSTED_PROXIES": ["-1", "yes"],
    "COMPTOIR_OIDC_ISSUER": ["https://login.example"],  # without our name there
    "COMPTOIR_OIDC_CLIENT_ID": ["comptoir"],  # without its issuer
    "COMPTOIR_OIDC_CLIENT_SECRET": ["0123"],
    "COMPTOIR_SOLVED_GRACE_SECONDS": ["-1", "31536001", "4 days"],
    "COMPTOIR_LOG_LEVEL": ["verbose", "INFO"],
    "COMPTOIR_LOG_FORMAT": ["xml"],
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Nothing is set but the data folder."""
    for name in [*WRONG, "COMPTOIR_TWILIO_API_BASE", "COMPTOIR_DEFAULTS_FILE"]:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)
    monkeypatch.setenv("COMPTOIR_DATA_DIR", str(tmp_path))
    return monkeypatch


@pytest.mark.parametrize(("variable", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_value_that_makes_no_sense_stops_the_start_and_is_named(environment, variable, value):
    environment.setenv(variable, value)

    with pytest.raises(SettingsError, match=variable):
        load_settings()


def test_all_wrong_values_are_named_at_once(environment):
    environment.setenv("COMPTOIR_PORT", "eighty")
    environment.setenv("COMPTOIR_LOG_LEVEL", "verbose")

    with pytest.raises(SettingsError, match=r"(?s)COMPTOIR_LOG_LEVEL.*COMPTOIR_PORT"):
        load_settings()


def test_a_sentence_about_a_secret_does_not_tell_it(environment):
    environment.setenv("COMPTOIR_SECRET_KEY", "hunter2")

    with pytest.raises(SettingsError) as told:
        load_settings()
    assert "hunter2" not in str(told.value)


def test_without_any_setting_there_is_a_store_in_the_data_folder(tmp_path):
    settings = load_settings()

    assert settings.uses_sqlite
    assert settings.database_url == f"sqlite:///{tmp_path}/comptoir.sqlite3"
    assert settings.storage_url == f"file://{tmp_path}/files"
    assert settings.public_url == "http://127.0.0.1:8000"
    assert (settings.redis_url, settings.smtp_url, settings.twilio, settings.sandbox) == (None, None, None, False)


def test_the_secret_key_is_made_once_and_kept_to_this_user(tmp_path):
    first, second = load_settings(), load_settings()

    assert len(first.secret_key) == 64
    assert second.secret_key == first.secret_key
    assert (tmp_path / "secret.key").stat().st_mode & 0o077 == 0


def test_with_postgresql_the_secret_key_must_be_given(environment):
    environment.setenv("COMPTOIR_DATABASE_URL", "postgresql+psycopg://localhost/comptoir")

    with pytest.raises(SettingsError, match="COMPTOIR_SECRET_KEY"):
        load_settings()
    environment.setenv("COMPTOIR_SECRET_KEY", KEY)
    assert load_settings().secret_key == KEY


def test_a_secret_may_come_from_a_file(environment, tmp_path):
    (tmp_path / "key").write_text(KEY + "\n")
    environment.setenv("COMPTOIR_SECRET_KEY_FILE", str(tmp_path / "key"))

    assert load_settings().secret_key == KEY


def test_a_file_that_cannot_be_read_is_named(environment, tmp_path):
    environment.setenv("COMPTOIR_SECRET_KEY_FILE", str(tmp_path / "missing"))

    with pytest.raises(SettingsError, match="COMPTOIR_SECRET_KEY_FILE"):
        load_settings()


def test_the_command_line_goes_before_the_environment(environment):
    environment.setenv("COMPTOIR_PORT", "9001")

    assert load_settings(port=9002).port == 9002
    assert load_settings(port=None).port == 9001


def test_the_embedded_default_plays_the_providers():
    settings = load_settings(embedded=True)

    assert settings.sandbox
    assert settings.twilio is not None
    assert settings.twilio.api_base == "http://127.0.0.1:8000/sandbox/twilio"


def test_the_sandbox_is_off_beside_a_real_account(environment):
    with_account(environment)

    settings = load_settings(embedded=True)

    assert not settings.sandbox
    assert settings.twilio is not None
    assert settings.twilio.api_base == "https://api.twilio.com"


def test_the_sandbox_cannot_be_asked_for_beside_a_real_account(environment):
    with_account(environment)
    environment.setenv("COMPTOIR_SANDBOX", "on")

    with pytest.raises(SettingsError, match=r"COMPTOIR_SANDBOX.*TWILIO_ACCOUNT_SID"):
        load_settings(embedded=True)


def test_a_sister_command_finds_what_runs_on_its_data_folder(tmp_path):
    published = {"redis_url": "redis://x", "smtp_url": "smtp://y:1", "public_url": "http://z:9", "sandbox": "on"}
    with running.hold(tmp_path):
        running.publish(tmp_path, published)

        settings = load_settings()

    assert (settings.redis_url, settings.smtp_url, settings.public_url) == ("redis://x", "smtp://y:1", "http://z:9")
    assert settings.sandbox
    assert not settings.public_url_is_given


def test_what_a_killed_serve_left_misleads_nobody(tmp_path):
    (tmp_path / running.LOCK_FILE).touch()
    (tmp_path / running.RUNNING_FILE).write_text(json.dumps({"redis_url": "redis://gone", "sandbox": "on"}))

    settings = load_settings()

    assert settings.redis_url is None
    assert not settings.sandbox


def test_two_cannot_serve_one_folder(tmp_path):
    second = running.hold(tmp_path)

    with running.hold(tmp_path), pytest.raises(running.AlreadyRunning, match=r"`comptoir serve`.*COMPTOIR_DATA_DIR"):
        second.__enter__()
    with running.hold(tmp_path):
        assert running.read(tmp_path) == {}


def test_settings_do_not_change():
    settings: Settings = load_settings()

    with pytest.raises(AttributeError):
        settings.port = 1  # type: ignore[misc]


def with_account(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TWILIO_ACCOUNT_SID", "AC" + "0" * 32)
    environment.setenv("TWILIO_AUTH_TOKEN", "0" * 32)
