"""The certificate of our mail doors: read again when it is renewed on the disk, so that nothing needs a restart."""

import ssl
from pathlib import Path

import structlog

from config.settings import MailCertificate, SettingsError

log = structlog.get_logger()


class Certificate:
    """A certificate and its key in two PEM files. Raises SettingsError when they cannot be used."""

    def __init__(self, files: MailCertificate) -> None:
        self._files = files
        self._seen = self._stamps()
        self._context = self._load()

    def context(self) -> ssl.SSLContext:
        """Return the newest that works: a half written renewal changes nothing until it is whole."""
        seen = self._stamps()
        if seen != self._seen:
            self._seen = seen
            try:
                self._context = self._load()
                log.info("certificate renewed")
            except SettingsError as error:
                log.error("certificate not renewed", reason=str(error))  # noqa: TRY400 - the sentence says it all
        return self._context

    def _load(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            # Without a password of ours OpenSSL would ask for one at the terminal.
            context.load_cert_chain(self._files.certificate, self._files.key, password=lambda: "")
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(
                "COMPTOIR_SMTP_TLS_CERTIFICATE and COMPTOIR_SMTP_TLS_KEY must name a certificate and its key, "
                f"without a password, in PEM files that we can read: {error.strerror or error}"
            ) from None
        return context

    def _stamps(self) -> list[tuple[int, int] | None]:
        return [_stamp(self._files.certificate), _stamp(self._files.key)]


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()  # follows the links by which certbot renews
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino
