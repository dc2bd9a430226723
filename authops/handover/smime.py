"""Sealed as a mail (S/MIME, RFC 8551, AES-256) to a certificate, ready to be sent: any mail program opens it."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Any, Final

from authops.handover.handover import Letter
from authops.handover.letters import Written
from authops.words.errors import HandOverError

_FORMS: Final = "it should be one X.509 certificate, PEM or DER, with an RSA key of 2048 bits or more"
_RENEW: Final = "ask them for the certificate that they read mail with today"
_UPN: Final = "1.3.6.1.4.1.311.20.2.3"
# Secure e-mail, any purpose, document encryption.
_FOR_LETTERS: Final = frozenset({"1.3.6.1.5.5.7.3.4", "2.5.29.37.0", "1.3.6.1.4.1.311.80.1"})


@dataclass(frozen=True)
class Smime:
    """The certificate of one recipient, and whom the mail is from and to."""

    certificate: Any
    source: Path
    sender: str
    address: str
    how = "S/MIME"

    def suffix(self, _written: Written) -> str:
        """`.eml`, whatever is in it."""
        return ".eml"

    def close(self, letter: Letter, written: Written) -> bytes:
        """The letter as a mail: its form enclosed, the headers without any of it."""
        from cryptography.hazmat.primitives.ciphers.algorithms import AES256
        from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

        _counts(self.source, self.certificate, datetime.now(UTC))
        builder = pkcs7.PKCS7EnvelopeBuilder().set_content_encryption_algorithm(AES256)
        builder = builder.set_data(_inside(letter, written)).add_recipient(self.certificate)
        return self._around(builder.encrypt(Encoding.DER, [pkcs7.PKCS7Options.Binary]), written)

    def _around(self, sealed: bytes, written: Written) -> bytes:
        mail = EmailMessage(policy=SMTP)
        if self.sender:
            mail["From"] = self.sender
        mail["To"], mail["Subject"] = self.address, written.subject
        mail["Date"], mail["Message-ID"] = format_datetime(datetime.now(UTC)), make_msgid(domain="authops.invalid")
        mail.set_content(sealed, "application", "pkcs7-mime", disposition="attachment", filename="smime.p7m")
        mail.set_param("smime-type", "enveloped-data")
        mail.set_param("name", "smime.p7m")
        return mail.as_bytes()


def _inside(letter: Letter, written: Written) -> bytes:
    mail = EmailMessage(policy=SMTP)
    if written.suffix == "txt":
        mail.set_content(written.data.decode("utf-8"), cte="base64")
    else:
        main, _, sub = written.mime.partition("/")
        mail.set_content("\n".join(textwrap.wrap(written.hand_on, 76)) + "\n", cte="quoted-printable")
        mail.add_attachment(written.data, main, sub, filename=f"{letter.user_principal_name}.{written.suffix}")
    return mail.as_bytes()


def seal(path: Path, data: bytes, recipient: str, sender: str) -> Smime:
    """The seal of a certificate.

    Raises `HandOverError` for one that is damaged, not of today, not for sealing letters, or another person's.
    """
    certificate = _read(path, data)
    now = datetime.now(UTC)
    _counts(path, certificate, now)
    _seals(path, certificate)
    _vouched(path, certificate, now)
    _for_letters(path, certificate)
    return Smime(certificate, path, sender, _address(path, certificate, recipient))


def _read(path: Path, data: bytes) -> Any:
    from cryptography import x509

    try:
        found = (
            x509.load_pem_x509_certificates(data) if b"-----BEGIN" in data else [x509.load_der_x509_certificate(data)]
        )
    except ValueError:
        raise _unusable(path, "holds no certificate, or a damaged one", _FORMS) from None
    if len(found) != 1:
        raise _unusable(path, f"holds {len(found)} certificates", _FORMS)
    return found[0]


def _counts(path: Path, certificate: Any, now: datetime) -> None:
    since, until = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now > until:
        raise _unusable(path, f"expired on {until:%Y-%m-%d}", _RENEW)
    if now < since:
        raise _unusable(path, f"counts from {since:%Y-%m-%d} on only", _RENEW)


def _seals(path: Path, certificate: Any) -> None:
    """A key of a kind that seals. PKCS #7 envelopes are made for RSA only."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPublicKey) or key.key_size < 2048:
        raise _unusable(path, "has no RSA key of 2048 bits or more", _FORMS)


def _vouched(path: Path, certificate: Any, now: datetime) -> None:
    """Unaltered, as its issuer says: itself, or one of the certificates in `authorities/` beside it."""
    folder = path.parent / "authorities"
    authorities = [_read(file, file.read_bytes()) for file in sorted(folder.glob("*")) if file.is_file()]
    for issuer in (certificate, *authorities):
        if _issued(certificate, issuer) and issuer.not_valid_before_utc <= now <= issuer.not_valid_after_utc:
            return
    raise _unusable(
        path,
        f"was altered, or issued by somebody unknown ({certificate.issuer.rfc4514_string()})",
        f"ask them for it again; an authority's own certificate goes into {folder}",
    )


def _issued(certificate: Any, issuer: Any) -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def _for_letters(path: Path, certificate: Any) -> None:
    from cryptography import x509

    usage, purposes = _extension(certificate, x509.KeyUsage), _extension(certificate, x509.ExtendedKeyUsage)
    if usage is not None and not usage.key_encipherment:
        raise _unusable(path, "is for signing only, not for sealing letters", _RENEW)
    if purposes is not None and not _FOR_LETTERS & {purpose.dotted_string for purpose in purposes}:
        raise _unusable(path, "is not for e-mail", _RENEW)


def _extension(certificate: Any, kind: Any) -> Any:
    from cryptography import x509

    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _address(path: Path, certificate: Any, recipient: str) -> str:
    """Where the mail goes: the recipient's address, which has to be one of the certificate's, if it names any."""
    named = _names(certificate)
    who = recipient.strip().casefold()
    if "@" not in who:
        if not named:
            raise _unusable(path, "names no address, and neither does the recipient", "name the recipient by address")
        return named[0]
    if named and who not in {name.casefold() for name in named}:
        raise _unusable(path, f"is of {', '.join(named)}, not of {recipient}", _RENEW)
    return recipient.strip()


def _names(certificate: Any) -> list[str]:
    """The addresses and user names that a certificate names."""
    from cryptography import x509

    subject = certificate.subject.get_attributes_for_oid(x509.NameOID.EMAIL_ADDRESS)
    names = [str(attribute.value) for attribute in subject]
    if (others := _extension(certificate, x509.SubjectAlternativeName)) is not None:
        names = [*others.get_values_for_type(x509.RFC822Name), *names]
        upns = [name for name in others.get_values_for_type(x509.OtherName) if name.type_id.dotted_string == _UPN]
        # A UTF8String: one byte of tag, one of length, as far as 127 characters go.
        names += [name.value[2:].decode("utf-8", "replace") for name in upns]
    return list(dict.fromkeys(names))


def _unusable(path: Path, why: str, remedy: str) -> HandOverError:
    return HandOverError(f"the certificate {path} {why}", remedy=remedy)
