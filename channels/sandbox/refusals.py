"""How Twilio's REST API says no."""


class Refused(Exception):
    """Twilio does not do that: one of its errors, and the HTTP status that it comes with."""

    def __init__(self, code: int, words: str, *, status: int = 400) -> None:
        super().__init__(words)
        self.code = code
        self.status = status


def not_found() -> Refused:
    return Refused(20404, "The requested resource was not found", status=404)
