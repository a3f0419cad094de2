"""Certificates: what is made, what is kept, and what is said when one cannot be used."""

from __future__ import annotations

import datetime
import socket
import ssl
import stat
import sys

import pytest
import structlog
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from gameserver.runtime.net import tls


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> ssl.SSLObject:
    """Both handshakes in memory; the client's side of the result."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = server.wrap_bio(to_server, to_client, server_side=True)
    other = client.wrap_bio(to_client, to_server, server_hostname=name)
    waiting = [other, one]
    for _ in range(10):
        for side in list(waiting):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(side)
    assert not waiting
    return other


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return tls.make_development_certificate(tmp_path_factory.mktemp("certificates") / "new")


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_a_client_that_trusts_the_authority_accepts_the_certificate(paths, name):
    client = ssl.create_default_context(cafile=paths.ca)
    client.set_alpn_protocols(["h2", "http/1.1"])
    done = shake_hands(tls.server_context(paths.certificate, paths.key), client, name)
    assert done.selected_alpn_protocol() == "http/1.1"


def test_a_client_that_does_not_trust_it_refuses_the_certificate(paths):
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(
            tls.server_context(paths.certificate, paths.key),
            ssl.create_default_context(),
            "localhost",
        )


def test_old_tls_is_refused(paths):
    assert tls.server_context(paths.certificate, paths.key).minimum_version == (
        ssl.TLSVersion.TLSv1_2
    )


def test_the_machine_name_is_in_it(paths, monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "game-box.lan")
    assert tls.development_names() == ("localhost", "127.0.0.1", "::1", "game-box.lan")
    monkeypatch.setattr(socket, "gethostname", lambda: "what ever!")
    assert tls.development_names() == ("localhost", "127.0.0.1", "::1")


def test_only_the_owner_reads_the_key(paths):
    assert stat.S_IMODE(paths.key.stat().st_mode) == 0o600


def test_it_is_not_valid_for_longer_than_browsers_accept(paths):
    leaf = x509.load_pem_x509_certificate(paths.certificate.read_bytes())
    left = leaf.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    assert datetime.timedelta(days=390) < left < datetime.timedelta(days=398)


def test_a_good_certificate_is_kept(paths):
    before = paths.certificate.read_bytes()
    assert tls.make_development_certificate(paths.key.parent) == paths
    assert paths.certificate.read_bytes() == before


def write_expiring(paths, days: int) -> None:
    authority = trustme.CA()
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    leaf = authority.issue_cert(*tls.development_names(), not_after=until)
    paths.key.write_bytes(leaf.private_key_pem.bytes())
    paths.certificate.write_bytes(leaf.cert_chain_pems[0].bytes())
    paths.ca.write_bytes(authority.cert_pem.bytes())


@pytest.mark.parametrize(
    "damage",
    [
        lambda paths: paths.ca.unlink(),
        lambda paths: paths.ca.write_text("no certificate"),
        lambda paths: paths.key.write_text("no key"),
        lambda paths: paths.certificate.write_bytes(b"\0"),
        lambda paths: paths.ca.write_bytes(trustme.CA().cert_pem.bytes()),
        lambda paths: paths.key.write_bytes(
            trustme.CA().issue_cert("localhost").private_key_pem.bytes()
        ),
        lambda paths: write_expiring(paths, days=3),
    ],
    ids=[
        "no authority",
        "bad authority",
        "bad key",
        "bad certificate",
        "other authority",
        "other key",
        "expiring",
    ],
)
def test_a_bad_one_is_replaced(tmp_path, damage):
    paths = tls.make_development_certificate(tmp_path)
    damage(paths)
    assert not tls._still_good(paths, tls.development_names())
    assert tls.make_development_certificate(tmp_path) == paths
    assert tls._still_good(paths, tls.development_names())
    assert stat.S_IMODE(paths.key.stat().st_mode) == 0o600


def test_another_machine_name_needs_another_certificate(tmp_path, monkeypatch):
    paths = tls.make_development_certificate(tmp_path)
    monkeypatch.setattr(socket, "gethostname", lambda: "renamed")
    assert not tls._still_good(paths, tls.development_names())


def test_errors_name_the_file(paths, tmp_path):
    missing = tmp_path / "missing.pem"
    with pytest.raises(tls.CertificateError, match=r"certificate .*missing.pem: No such file"):
        tls.server_context(missing, paths.key)
    with pytest.raises(tls.CertificateError, match=r"key .*missing.pem: No such file"):
        tls.server_context(paths.certificate, missing)
    with pytest.raises(tls.CertificateError, match="are not a certificate and its key"):
        tls.server_context(paths.key, paths.key)
    other = tmp_path / "other.pem"
    trustme.CA().issue_cert("localhost").private_key_pem.write_to_path(other)
    with pytest.raises(tls.CertificateError, match=r"other.pem does not belong to .*cert.pem"):
        tls.server_context(paths.certificate, other)


def test_a_key_with_a_password_is_refused_without_asking(paths, tmp_path):
    locked = tmp_path / "locked.pem"
    key = load_pem_private_key(paths.key.read_bytes(), password=None)
    locked.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    )
    with pytest.raises(tls.CertificateError, match=r"locked.pem is encrypted"):
        tls.server_context(paths.certificate, locked)


def test_a_directory_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(tls.CertificateError, match="cannot write a certificate to"):
        tls.make_development_certificate(tmp_path / "file" / "below")


def test_without_trustme_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "trustme", None)
    with pytest.raises(tls.CertificateError, match=r"pip install trio-gameserver\[tls\]"):
        tls.make_development_certificate(tmp_path)


def test_how_to_trust_names_the_authority(paths):
    assert str(paths.ca) in tls.how_to_trust(paths)


# The certificate that clients are shown, and its renewal


def write(folder, leaf) -> None:
    leaf.private_key_pem.write_to_path(str(folder / "key.pem"))
    (folder / "cert.pem").write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))


def issued(*names: str, days: int = 30, since_days: int = 60):
    now = datetime.datetime.now(datetime.UTC)
    return trustme.CA().issue_cert(
        *names,
        not_before=now - datetime.timedelta(days=since_days),
        not_after=now + datetime.timedelta(days=days),
    )


def test_the_names_and_dates_of_a_certificate(tmp_path):
    write(tmp_path, issued("play.example", "192.0.2.1", days=30))
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    facts = tls.certificate_facts(tls.server_context(certificate, key), certificate)
    leaf = x509.load_pem_x509_certificate(certificate.read_bytes())
    assert facts.names == ("play.example", "192.0.2.1")
    assert facts.valid_until == leaf.not_valid_after_utc
    assert int(facts.serial, 16) == leaf.serial_number


@pytest.mark.parametrize(
    ("days", "since_days", "problem"),
    [(-1, 60, "certificate has expired"), (30, -1, "certificate is not yet valid")],
)
def test_certificates_that_every_client_refuses(tmp_path, days, since_days, problem):
    write(tmp_path, issued("play.example", days=days, since_days=since_days))
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    with pytest.raises(tls.CertificateError, match=f"cert.pem: {problem}"):
        tls.certificate_facts(tls.server_context(certificate, key), certificate)
    with structlog.testing.capture_logs() as logged:
        tls.Certificate(certificate, key)  # the server starts nevertheless
    assert [entry["event"] for entry in logged] == ["clients will refuse the certificate"]


def shown(certificate) -> int:
    """The serial number of what a client is shown."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    seen = shake_hands(certificate.context, client, "play.example").getpeercert(binary_form=True)
    return x509.load_der_x509_certificate(seen).serial_number


def test_a_new_certificate_is_shown_and_logged(tmp_path):
    write(tmp_path, issued("old.example"))
    certificate = tls.Certificate(tmp_path / "cert.pem", tmp_path / "key.pem")
    before = shown(certificate)
    write(tmp_path, issued("new.example"))
    assert shown(certificate) == before  # not before it is told to
    with structlog.testing.capture_logs() as logged:
        certificate.read_again()()
    assert shown(certificate) != before
    [entry] = logged
    assert (entry["event"], entry["names"]) == ("certificate replaced", "new.example")
    assert datetime.datetime.fromisoformat(entry["valid_until"]).year >= 2024
    assert entry["file"].endswith("cert.pem")


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "cert.pem").write_text("no certificate"),
        lambda folder: (folder / "cert.pem").unlink(),
        lambda folder: (folder / "key.pem").unlink(),
        lambda folder: issued("x").private_key_pem.write_to_path(str(folder / "key.pem")),
        lambda folder: write(folder, issued("x", days=-1)),
    ],
    ids=["no certificate", "no file", "no key", "another key", "expired"],
)
def test_a_broken_new_certificate_leaves_the_old_one(tmp_path, damage):
    write(tmp_path, issued("old.example"))
    certificate = tls.Certificate(tmp_path / "cert.pem", tmp_path / "key.pem")
    before = shown(certificate)
    damage(tmp_path)
    with structlog.testing.capture_logs() as logged:
        certificate.read_again()()
    assert [entry["event"] for entry in logged] == ["the certificate stays as it was"]
    assert str(tmp_path) in logged[0]["problem"]
    assert shown(certificate) == before
