"""Passwords: what is taken for one, and how it is kept. Hashing takes tens of milliseconds, so it never happens inside
a transaction, and the edge sees to it that it holds up nobody else.
"""

import unicodedata
from collections.abc import Iterable

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ticketing.errors import InvalidInput

SHORTEST, LONGEST = 12, 128
# argon2id as the OWASP Password Storage Cheat Sheet recommends it. RFC 9106's second choice (64 MiB, four lanes) costs
# ten times as much, which whoever does not want us to serve would be glad of.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_COMMON = frozenset({  # those of twelve and more characters that every list of leaked passwords begins with
    "123456789012", "1234567890123", "12345678901234", "123123123123", "111111111111", "000000000000", "qwertyuiop12",
    "qwertyuiop123", "qwertyuiopas", "1q2w3e4r5t6y", "1q2w3e4r5t6y7u8i", "1qaz2wsx3edc", "1qaz2wsx3edc4rfv",
    "passwordpassword", "password1234", "password12345", "password123456", "password123!", "password@123",
    "iloveyou1234", "iloveyouiloveyou", "adminadminadmin", "administrator", "administrator1", "letmeinletmein",
    "welcome12345", "welcome123456", "changemechangeme", "changeme1234", "correcthorsebatterystaple", "qazwsxedcrfv",
    "abcdefghijkl", "abc123abc123", "a1b2c3d4e5f6", "q1w2e3r4t5y6", "azertyuiop12", "azertyuiopqs", "motdepasse12",
    "motdepasse123", "passwort1234", "superman1234", "footballfootball", "comptoircomptoir", "comptoir1234",
})  # fmt: skip
_NOBODYS = _HASHER.hash("nobody's password")


def normal(password: str) -> str:
    """Return the one form of a password, however a keyboard composes its characters (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def check_new(password: str, *, known_as: Iterable[str]) -> None:
    """Raise InvalidInput for a password that is too short, too long, or the first one that anybody would try.

    `known_as` are the names and addresses of whose password it shall be.
    """
    password = normal(password)
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidInput(f"a password has {SHORTEST} to {LONGEST} characters; a sentence makes a good one")
    plain = password.casefold()
    if plain in _COMMON or len(set(plain)) < 4:
        raise InvalidInput("this password is among the first that anybody would try; take another")
    if plain in {normal(one).casefold() for one in known_as}:
        raise InvalidInput("a password that is one's own name or address is no secret; take another")


def hashed(password: str) -> str:
    """Return the password in the form in which it is kept."""
    return _HASHER.hash(normal(password))


def is_right(password: str, kept: str | None) -> bool:
    """Say whether this is the password; without one the answer is no, after the same time."""
    try:
        _HASHER.verify(kept or _NOBODYS, normal(password))
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


def is_dated(kept: str) -> bool:
    """Say whether the password was hashed with other parameters than today's."""
    return _HASHER.check_needs_rehash(kept)
