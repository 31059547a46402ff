"""The certificate of the mail doors: a useless one stops the start, a renewed one is taken as soon as it is whole."""

from pathlib import Path

import pytest

from channels.email.certificate import Certificate
from config.settings import MailCertificate, SettingsError
from tests.channels import certificates


def test_a_renewed_certificate_is_taken_once_it_is_whole(tmp_path: Path) -> None:
    files = certificates.write(tmp_path, "mail.desk.example")
    certificate = Certificate(files)
    first = certificate.context()

    files.key.write_text("half written")
    assert certificate.context() is first
    certificates.write(tmp_path, "mail.desk.example")
    second = certificate.context()

    assert second is not first
    assert certificate.context() is second


@pytest.mark.parametrize("spoil", ["key", "certificate", "pair", "password", "absent"])
def test_a_pair_of_no_use_stops_the_start_with_a_sentence(tmp_path: Path, spoil: str) -> None:
    (tmp_path / "other").mkdir()
    files = certificates.write(tmp_path, "mail.desk.example", password=b"secret" if spoil == "password" else None)
    other = certificates.write(tmp_path / "other", "other.desk.example")
    wrong = {
        "key": MailCertificate(files.certificate, files.certificate),
        "certificate": MailCertificate(files.key, files.key),
        "pair": MailCertificate(files.certificate, other.key),
        "absent": MailCertificate(tmp_path / "nothing.pem", files.key),
    }

    with pytest.raises(SettingsError, match="COMPTOIR_SMTP_TLS_CERTIFICATE and COMPTOIR_SMTP_TLS_KEY"):
        Certificate(wrong.get(spoil, files))
