"""Sealed files: each opened by its recipient's own tool, and by nobody else; what would not open is found before."""

from __future__ import annotations

import asyncio
import email
import email.policy
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyrage
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from authops.handover.folder import Folder
from authops.handover.handover import HandOver
from authops.words import disk
from authops.words.errors import HandOverError
from tests.handover.conftest import ANN, BEN, SECRET, certificate, holding, letter, private_key
from tests.project import ROOT

Files = Callable[..., HandOver]


def test_an_age_file_opens_with_the_recipients_key_and_no_other(files: Files, ann: pyrage.x25519.Identity) -> None:
    hand_over = files()
    asyncio.run(hand_over.ready([ANN]))
    (receipt,) = asyncio.run(hand_over.give([letter(language="nl")]))
    sealed = Path(receipt.where)
    assert sealed.name == "user1@contoso.example.txt.age"
    assert sealed.parent.name == ANN
    assert receipt.how == "age"
    assert stat.S_IMODE(sealed.stat().st_mode) == 0o600
    opened = pyrage.decrypt(sealed.read_bytes(), [ann]).decode()
    assert SECRET in opened
    assert "maandag 30 november 2026, 08:00 (UTC+01:00)" in opened
    assert opened.startswith("Voor User 1 (user1@contoso.example)")
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(sealed.read_bytes(), [pyrage.x25519.Identity.generate()])


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_an_ssh_key_opens_it_too(files: Files, keys: Path, kind: str) -> None:
    private = keys.parent / "id"
    words = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "ann's laptop", "-f", str(private)]
    subprocess.run(words, check=True)
    (keys.parent / "id.pub").rename(keys / f"{ANN}.pub")
    hand_over = files()
    asyncio.run(hand_over.ready([ANN]))
    (receipt,) = asyncio.run(hand_over.give([letter()]))
    opened = pyrage.decrypt(Path(receipt.where).read_bytes(), [pyrage.ssh.Identity.from_buffer(private.read_bytes())])
    assert SECRET in opened.decode()


@pytest.mark.skipif(not shutil.which("age"), reason="age itself is not installed (Debian: apt-get install age)")
def test_age_itself_opens_it(files: Files, ann: pyrage.x25519.Identity, tmp_path: Path) -> None:
    (receipt,) = asyncio.run(files().give([letter()]))
    (tmp_path / "key").write_text(f"{ann}\n")
    opened = subprocess.run(["age", "-d", "-i", tmp_path / "key", receipt.where], capture_output=True, check=True)
    assert SECRET in opened.stdout.decode()


def test_a_mail_opens_with_the_certificates_key_and_its_headers_hold_nothing(files: Files, keys: Path) -> None:
    public, private = certificate(keys, ANN, "-addext", f"subjectAltName=email:{ANN}")
    hand_over = files(sender="passes@contoso.example", letter="html")
    asyncio.run(hand_over.ready([ANN]))
    (receipt,) = asyncio.run(hand_over.give([letter(name="Ann <b>O'Hara")]))
    sealed = Path(receipt.where)
    assert (sealed.name, receipt.how) == ("user1@contoso.example.eml", "S/MIME")
    mail = email.message_from_bytes(sealed.read_bytes(), policy=email.policy.SMTP)
    assert (mail["To"], mail["From"]) == (ANN, "passes@contoso.example")
    assert mail.get_content_type() == "application/pkcs7-mime"
    assert mail.get_param("smime-type") == "enveloped-data"

    def openssl(key: Path) -> subprocess.CompletedProcess[bytes]:
        words = ["openssl", "cms", "-decrypt", "-in", sealed, "-inkey", key, "-recip", public]
        return subprocess.run(words, capture_output=True, check=False)

    inside = email.message_from_bytes(openssl(private).stdout, policy=email.policy.SMTP)
    (attached,) = inside.iter_attachments()
    assert attached.get_filename() == "user1@contoso.example.html"
    page = attached.get_content()
    assert f"<td class=code>{SECRET}</td>" in page
    assert "Ann &lt;b&gt;O&#x27;Hara" in page
    body = inside.get_body()
    assert body is not None
    assert "to that person only" in body.get_content()
    assert SECRET not in body.get_content()
    _, stranger = certificate(keys.parent, "stranger", key="another")
    assert SECRET.encode() not in openssl(stranger).stdout


def test_a_text_letter_is_the_mails_own_text(files: Files, keys: Path) -> None:
    public, private = certificate(keys, ANN)
    (receipt,) = asyncio.run(files().give([letter()]))
    words = ["openssl", "smime", "-decrypt", "-in", receipt.where, "-inkey", str(private), "-recip", str(public)]
    inside = email.message_from_bytes(
        subprocess.run(words, capture_output=True, check=True).stdout, policy=email.policy.SMTP
    )
    assert SECRET in inside.get_content()


def test_a_pdf_is_one_page_a_person_with_the_code_on_it(files: Files, ann: pyrage.x25519.Identity) -> None:
    hand_over = files(letter="pdf")
    asyncio.run(hand_over.ready([ANN]))
    told = [letter(1, name="Łukasz", code="x" * 48), letter(2, language="de")]
    for receipt in asyncio.run(hand_over.give(told)):
        opened = pyrage.decrypt(Path(receipt.where).read_bytes(), [ann])
        assert opened.startswith(b"%PDF-")
        assert len(re.findall(rb"/Type /Page\b", opened)) == 1


def test_giving_again_replaces_what_the_former_pass_left(
    files: Files, ann: pyrage.x25519.Identity, keys: Path, tmp_path: Path
) -> None:
    asyncio.run(files().give([letter(1), letter(2)]))
    (receipt,) = asyncio.run(files(letter="html").give([letter(1, code="the-second")]))
    there = sorted(path.name for path in (tmp_path / "out" / ANN).iterdir())
    assert there == ["user1@contoso.example.html.age", "user2@contoso.example.txt.age"]
    assert b"the-second" in pyrage.decrypt(Path(receipt.where).read_bytes(), [ann])


def test_a_recipients_name_never_leaves_the_folder(files: Files, keys: Path, tmp_path: Path) -> None:
    for who in ("../../evil", "..", ".hidden", "a/b"):
        with pytest.raises(HandOverError, match="has no key"):
            asyncio.run(files().ready([who]))
    for who in ("", "  ", "x" * 300):
        with pytest.raises(HandOverError, match="no name of a recipient"):
            asyncio.run(files().ready([who]))


# --- What would not open, or not be read by the recipient alone -------------------------------------------------


def _changed(path: Path) -> None:
    """Another letter in the middle of a key."""
    text = path.read_text()
    at = len(text) - 20
    path.write_text(text[:at] + ("q" if text[at] != "q" else "p") + text[at + 1 :])


SPOILED: dict[str, tuple[Callable[[Path], object], str]] = {
    "gone": (lambda key: key.unlink(), "has no key in"),
    "altered": (_changed, "key 1 of .* cannot be used"),
    "cut": (lambda key: key.write_text(key.read_text()[:30]), "key .* of .* cannot be used"),
    "empty": (lambda key: key.write_text("# nothing\n"), "holds no public key"),
    "of-a-kind-that-age-has-not": (lambda key: key.write_text("ecdsa-sha2-nistp256 AAAA ann"), "cannot be used"),
    "private": (lambda key: key.write_text("AGE-SECRET-KEY-1QQQ\n"), "holds a private key"),
    "twice": (lambda key: shutil.copy(key, key.with_suffix(".txt")), "has 2 keys"),
    "anybodys": (lambda key: key.chmod(0o666), "others may change .*pub"),
    "in-anybodys-folder": (lambda key: key.parent.chmod(0o777), "others may change .*keys "),
    "no-text": (lambda key: key.write_bytes(b"\xff\xfe\x00"), "holds no public key"),
}


@pytest.mark.parametrize("what", SPOILED)
def test_a_key_that_would_not_do_is_refused_before_the_first_pass(
    files: Files, ann: pyrage.x25519.Identity, keys: Path, what: str
) -> None:
    asyncio.run(files().ready([ANN]))
    spoil, said = SPOILED[what]
    spoil(keys / f"{ANN}.pub")
    with pytest.raises(HandOverError, match=said) as refused:
        asyncio.run(files().ready([ANN]))
    assert refused.value.remedy
    assert "AGE-SECRET" not in str(refused.value)


CERTIFICATES: dict[str, tuple[tuple[str, ...], dict[str, object], str]] = {
    "not-of-today-any-more": ((), {"days": -1}, "expired on"),
    "somebody-elses": (("-addext", f"subjectAltName=email:{BEN}"), {}, f"is of {BEN}, not of {ANN}"),
    "for-signing": (("-addext", "keyUsage=digitalSignature"), {}, "is for signing only"),
    "for-servers": (("-addext", "extendedKeyUsage=serverAuth"), {}, "is not for e-mail"),
    "small": ((), {"key": "small"}, "no RSA key of 2048"),
}


@pytest.mark.parametrize("what", CERTIFICATES)
def test_a_certificate_that_would_not_do_is_refused_before_the_first_pass(files: Files, keys: Path, what: str) -> None:
    extra, other, said = CERTIFICATES[what]
    if what == "not-of-today-any-more":
        _expired(keys)
    else:
        certificate(keys, ANN, *extra, **other)  # type: ignore[arg-type]
    with pytest.raises(HandOverError, match=said):
        asyncio.run(files().ready([ANN]))


def _expired(keys: Path) -> None:
    key, now = private_key("rsa"), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Ann")])
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(1).not_valid_before(now - timedelta(days=9)).not_valid_after(now - timedelta(days=1))
    pem = built.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    (keys / f"{ANN}.pem").write_bytes(pem)


@pytest.mark.parametrize("part", ["issuer", "subject", "key"])
def test_an_altered_certificate_is_refused(files: Files, keys: Path, part: str) -> None:
    public, _ = certificate(keys, ANN)
    found = x509.load_pem_x509_certificate(public.read_bytes())
    der = bytearray(found.public_bytes(Encoding.DER))
    names = [match.start() for match in re.finditer(b"Somebody", der)]
    modulus = found.public_key().public_numbers().n  # type: ignore[union-attr]
    at = {"issuer": names[0], "subject": names[1], "key": der.index(modulus.to_bytes(256, "big")) + 99}[part]
    der[at] ^= 1
    public.unlink()
    (keys / f"{ANN}.cer").write_bytes(der)
    with pytest.raises(HandOverError, match="was altered, or issued by somebody unknown"):
        asyncio.run(files().ready([ANN]))


def test_a_certificate_counts_when_its_authority_is_known(files: Files, keys: Path) -> None:
    authority, its_key = certificate(keys.parent, "authority", key="another")
    certificate(keys, ANN, "-CA", str(authority), "-CAkey", str(its_key))
    with pytest.raises(HandOverError, match="issued by somebody unknown"):
        asyncio.run(files().ready([ANN]))
    (keys / "authorities").mkdir()
    shutil.copy(authority, keys / "authorities")
    asyncio.run(files().ready([ANN]))
    (keys / "authorities").chmod(0o777)
    with pytest.raises(HandOverError, match=r"others may change .*authorities "):
        asyncio.run(files().ready([ANN]))


def test_a_certificate_with_an_elliptic_key_is_refused(files: Files, keys: Path) -> None:
    certificate(keys, ANN, key="elliptic")
    with pytest.raises(HandOverError, match="no RSA key"):
        asyncio.run(files().ready([ANN]))


# --- Where the files go ----------------------------------------------------------------------------------------------


def test_a_folder_that_cannot_take_the_letters_is_found_before_the_first_pass(
    files: Files, ann: pyrage.x25519.Identity, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir(mode=0o700)
    out.chmod(0o777)
    with pytest.raises(HandOverError, match="not for its owner alone"):
        asyncio.run(files().ready([ANN]))
    out.rmdir()
    out.write_text("a file")
    with pytest.raises(HandOverError, match="nothing can be put into"):
        asyncio.run(files().ready([ANN]))
    with pytest.raises(HandOverError, match="no folder is named"):
        files(folder="")
    out.unlink()
    with pytest.raises(HandOverError, match=r"has room for [\d,]+ MB"):
        Folder(str(out)).ready(1 << 60)


def test_a_readonly_folder_is_found_before_the_first_pass(files: Files, ann: pyrage.x25519.Identity) -> None:
    with pytest.raises(HandOverError, match="nothing can be put into"):
        asyncio.run(files(folder="/proc/letters").ready([ANN]))


FULL = """
import asyncio, resource, signal, sys
sys.path.insert(0, {root!r})
from authops import handover
from authops.words.errors import HandOverError
from tests.handover.conftest import ANN, letter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
opened = handover.open("files", folder={out!r}, recipient_keys={keys!r})
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
try:
    asyncio.run(getattr(opened, sys.argv[2])([letter()] if sys.argv[2] == "give" else [ANN]))
except HandOverError as error:
    print(error)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("room", "when"), [(1000, "ready"), (1000, "give"), (0, "give")])
def test_a_full_disk_is_said_and_leaves_nothing_half(
    ann: pyrage.x25519.Identity, keys: Path, tmp_path: Path, room: int, when: str
) -> None:
    code = FULL.format(root=str(ROOT), out=str(tmp_path / "out"), keys=str(keys))
    done = subprocess.run([sys.executable, "-c", code, str(room), when], capture_output=True, text=True, check=True)
    assert re.search("could not be written|nothing can be put into", done.stdout), done
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


KILLED = """
import asyncio, sys
sys.path.insert(0, {root!r})
from authops import handover
from tests.handover.conftest import ANN, letter
opened = handover.open("files", folder={out!r}, recipient_keys={keys!r}, letter=sys.argv[1])
asyncio.run(opened.ready([ANN]))
print("ready", flush=True)
number = 0
while True:
    number += 20
    asyncio.run(opened.give([letter(number + n) for n in range(20)]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("form", ["text", "html", "pdf"])
def test_a_kill_while_it_gives_leaves_no_code_anywhere(
    ann: pyrage.x25519.Identity, keys: Path, tmp_path: Path, form: str
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    code = KILLED.format(root=str(ROOT), out=str(tmp_path / "out"), keys=str(keys))
    env = dict(os.environ, TMPDIR=str(temporary), HOME=str(tmp_path / "home"))
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", code, form], stdout=subprocess.PIPE, env=env, cwd=tmp_path) as run:
            assert run.stdout is not None
            assert run.stdout.readline() == b"ready\n"
            there = tmp_path / "out" / ANN
            while not there.is_dir() or len(list(there.iterdir())) < 5:
                assert run.poll() is None
            run.send_signal(signal.SIGKILL)
    whole = [p for p in (tmp_path / "out").rglob("*.age") if p.is_file()]
    assert len(whole) >= 4
    assert all(SECRET.encode() in _readable(pyrage.decrypt(path.read_bytes(), [ann])) for path in whole)
    assert list(holding([tmp_path])) == []
    asyncio.run(_again(tmp_path, keys))
    assert list((tmp_path / "out").rglob("*.new")) == []


def _readable(opened: bytes) -> bytes:
    """A PDF's streams are packed; that it ends as one does is enough here."""
    return SECRET.encode() if opened.rstrip().endswith(b"%%EOF") else opened


async def _again(tmp_path: Path, keys: Path) -> None:
    from authops.handover.opening import open as hand_over

    await hand_over("files", folder=str(tmp_path / "out"), recipient_keys=str(keys)).ready([ANN])


def test_the_search_itself_finds_a_code(tmp_path: Path) -> None:
    import base64

    for n, held in enumerate(
        [SECRET.encode(), base64.b64encode(b"so: " + SECRET.encode() + b"."), SECRET.encode().hex().encode()]
    ):
        (tmp_path / str(n)).write_bytes(b"before " + held + b" after")
    disk.keep(tmp_path / "kept", SECRET.encode("utf-16-le"))
    assert len(list(holding([tmp_path]))) == 4
