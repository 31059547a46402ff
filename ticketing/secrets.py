"""Encrypt secrets at rest, with a key that follows from COMPTOIR_SECRET_KEY."""

import base64

from cryptography.fernet import Fernet, InvalidToken

from config.settings import derived_key
from ticketing.errors import InvalidInput


def encrypt(secret: str, secret_key: str) -> str:
    """Return the secret in a form that may lie in the database and in backups."""
    return _box(secret_key).encrypt(secret.encode()).decode("ascii")


def decrypt(sealed: str, secret_key: str) -> str:
    """Return what was encrypted. Raises InvalidInput when COMPTOIR_SECRET_KEY is another one now."""
    try:
        return _box(secret_key).decrypt(sealed.encode("ascii")).decode()
    except InvalidToken:
        raise InvalidInput("a stored secret cannot be read: was COMPTOIR_SECRET_KEY changed?") from None


def _box(secret_key: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(bytes.fromhex(derived_key(secret_key, "secrets at rest"))))
