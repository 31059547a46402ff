"""The tokens by which visitors show that a chat session is theirs."""

from datetime import UTC, datetime, timedelta

from itsdangerous import BadSignature, URLSafeTimedSerializer

from channels.errors import InvalidSignature
from config.settings import Settings, derived_key

TOKEN_LIFETIME = timedelta(days=30)
RENEWED_AFTER = timedelta(days=1)
LONGEST = 500  # characters; ours have some seventy


class VisitorTokens:
    """Makes and reads visitors' tokens, signed with the desk's key."""

    def __init__(self, settings: Settings) -> None:
        self._signed = URLSafeTimedSerializer(derived_key(settings.secret_key, "chat visitors"))

    def make(self, visitor: str) -> str:
        """Return a visitor's token, which lasts for TOKEN_LIFETIME."""
        return str(self._signed.dumps(visitor))

    def visitor(self, authorization: str) -> str:
        """Return whose token the header `Authorization: Bearer …` carries. Raises InvalidSignature."""
        return self.read(authorization)[0]

    def read(self, authorization: str) -> tuple[str, datetime]:
        """Return whose token the header carries, and since when. Raises InvalidSignature."""
        scheme, _, token = authorization.partition(" ")
        if scheme.casefold() != "bearer" or len(token) > LONGEST:
            raise InvalidSignature("send the visitor token as Authorization: Bearer …")
        try:
            most = int(TOKEN_LIFETIME.total_seconds())
            visitor, since = self._signed.loads(token.strip(), max_age=most, return_timestamp=True)
        except BadSignature:
            raise InvalidSignature("the visitor token is missing, wrong or too old; start a new session") from None
        if not isinstance(visitor, str):
            raise InvalidSignature("the visitor token is missing, wrong or too old; start a new session")
        return visitor, since.astimezone(UTC)
