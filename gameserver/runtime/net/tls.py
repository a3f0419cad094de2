"""Certificates: the server's TLS context, and certificates for development.

Owns reading certificate files and the errors that name the wrong one, the names and dates of a
certificate, and making certificates that only this machine trusts.  Never opens a connection.
"""

from __future__ import annotations

import datetime
import importlib
import ipaddress
import os
import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import structlog

from gameserver.errors import GameServerError

if TYPE_CHECKING:
    from pathlib import Path

log = structlog.get_logger(__name__)

#: Browsers on Apple's systems refuse certificates that are valid for longer than 825 days, public
#: ones for longer than 398.
VALID_FOR = datetime.timedelta(days=397)

RENEW_BEFORE = datetime.timedelta(days=7)

#: More than any handshake in memory takes; TLS 1.2 takes four.
HANDSHAKE_TURNS = 20


class CertificateError(GameServerError):
    """A certificate or key cannot be used, or none can be made; the text names the file."""


@attrs.frozen
class CertificatePaths:
    """The files of a development certificate."""

    #: The authority that signed it: what browsers and programs must be told to trust.
    ca: Path
    certificate: Path
    key: Path


class Certificate:
    """A server's certificate, from files that can be ``read_again``.

    ``context`` is for new connections.  ``CertificateError`` if the files cannot be used.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate = certificate
        self._key = key
        self.context = server_context(certificate, key)
        try:
            self._tell("certificate", certificate_facts(self.context, certificate))
        except CertificateError as error:
            log.warning("clients will refuse the certificate", problem=str(error))

    def read_again(self) -> Callable[[], None]:
        """Read the files, which may take long; return a function that puts them to use.

        If clients would refuse the new certificate, the function logs why and the old one stays.
        """
        try:
            context = server_context(self._certificate, self._key)
            facts = certificate_facts(context, self._certificate)
        except CertificateError as error:
            return partial(log.warning, "the certificate stays as it was", problem=str(error))
        return partial(self._show, context, facts)

    def _show(self, context: ssl.SSLContext, facts: CertificateFacts) -> None:
        self.context = context
        self._tell("certificate replaced", facts)

    def _tell(self, event: str, facts: CertificateFacts) -> None:
        log.info(
            event,
            file=str(self._certificate),
            names=", ".join(facts.names),
            valid_until=facts.valid_until.isoformat(),
            serial=facts.serial,
        )


@attrs.frozen
class CertificateFacts:
    """The part of a certificate that clients see: its names, and its end of validity."""

    names: tuple[str, ...]
    valid_until: datetime.datetime
    serial: str


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return a server's context, for TLS 1.2 or later, from PEM files.

    ``certificate`` holds the server's certificate and whatever intermediate ones follow it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION  # no client needs one, and it costs as a handshake
    context.set_alpn_protocols(["http/1.1"])  # otherwise browsers try HTTP/2
    for what, path in (("certificate", certificate), ("key", key)):
        try:
            path.read_bytes()
        except OSError as error:
            raise CertificateError(f"cannot read the {what} {path}: {error.strerror}") from error
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            problem = f"the key {key} does not belong to the certificate {certificate}"
        else:
            problem = f"{certificate} and {key} are not a certificate and its key in PEM form"
        raise CertificateError(f"{problem} ({error.reason or error})") from error
    except _EncryptedKeyError:
        raise CertificateError(f"the key {key} is encrypted; store it without a password") from None
    return context


def certificate_facts(context: ssl.SSLContext, certificate: Path) -> CertificateFacts:
    """Return what a client sees of ``context``, from a handshake in memory.

    Raises ``CertificateError`` where every client would refuse it: it has expired, is not valid
    yet, or is for another use.
    """
    try:
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname = False
        client.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN  # its own authority
        client.load_verify_locations(cafile=certificate)
        seen: dict[str, Any] = _handshake_in_memory(context, client).getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        raise CertificateError(f"{certificate}: {error.verify_message}") from error
    except (OSError, ssl.SSLError) as error:
        raise CertificateError(f"{certificate}: no handshake with it succeeds ({error})") from error
    return CertificateFacts(
        names=tuple(name for _, name in seen.get("subjectAltName", ())),
        valid_until=datetime.datetime.fromtimestamp(
            ssl.cert_time_to_seconds(seen["notAfter"]), datetime.UTC
        ),
        serial=seen["serialNumber"],
    )


def _handshake_in_memory(server: ssl.SSLContext, client: ssl.SSLContext) -> ssl.SSLObject:
    """Do a handshake between the two; return the client's side of it."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    theirs = client.wrap_bio(to_client, to_server)
    unfinished = [theirs, ours]
    for _ in range(HANDSHAKE_TURNS):
        side = unfinished.pop(0)
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            unfinished.append(side)
        if not unfinished:
            return theirs
    raise ssl.SSLError("the handshake does not end")


class _EncryptedKeyError(Exception):
    """OpenSSL asked for a password."""


def _no_password() -> str:
    """Refuse a password: otherwise OpenSSL would ask at the terminal, and a service would hang."""
    raise _EncryptedKeyError


def make_development_certificate(directory: Path) -> CertificatePaths:
    """Make a certificate for this machine's names in ``directory``, or keep a good one.

    Writes ``ca.pem``, ``cert.pem`` and ``key.pem`` (readable by its owner only). The key of
    the authority is thrown away: it can never sign anything else. Needs the extra ``tls``.
    """
    paths = CertificatePaths(
        ca=directory / "ca.pem", certificate=directory / "cert.pem", key=directory / "key.pem"
    )
    names = development_names()
    if _still_good(paths, names):
        return paths
    trustme = _load("trustme")
    authority = trustme.CA(
        organization_name="trio-gameserver", organization_unit_name="development only"
    )
    leaf = authority.issue_cert(*names, not_after=datetime.datetime.now(datetime.UTC) + VALID_FOR)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _write_private(paths.key, leaf.private_key_pem.bytes())
        paths.certificate.write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
        paths.ca.write_bytes(authority.cert_pem.bytes())
    except OSError as error:
        raise CertificateError(
            f"cannot write a certificate to {directory}: {error.strerror}"
        ) from error
    return paths


def development_names() -> tuple[str, ...]:
    """Return the names of a development certificate: those of this machine."""
    names = ["localhost", "127.0.0.1", "::1"]
    host = socket.gethostname()
    if host not in names and host.isascii() and host.replace("-", "").replace(".", "").isalnum():
        names.append(host)
    return tuple(names)


def how_to_trust(paths: CertificatePaths) -> str:
    """Return instructions for making clients trust the development certificate."""
    return f"""\
This server's certificate is signed by an authority made for this machine: {paths.ca}
Clients refuse it until they trust that authority.
  Chrome, Edge: Settings > Privacy and security > Security > Manage certificates > import it
                under "Trusted root certificates" ("Authorities" on Linux).
  Firefox:      Settings > Privacy & Security > View Certificates > Authorities > Import.
  macOS:        security add-trusted-cert -k ~/Library/Keychains/login.keychain-db {paths.ca}
  Python:       ssl.create_default_context(cafile="{paths.ca}"), or SSL_CERT_FILE={paths.ca}
  curl:         curl --cacert {paths.ca} https://localhost:PORT/
Or open the page and accept the browser's warning, once for each browser."""


def _still_good(paths: CertificatePaths, names: tuple[str, ...]) -> bool:
    """Whether the files belong together, stay valid for a while, and cover ``names``."""
    if not all(path.is_file() for path in (paths.ca, paths.certificate, paths.key)):
        return False
    x509, exceptions = _load("cryptography.x509"), _load("cryptography.exceptions")
    try:
        server_context(paths.certificate, paths.key)
        leaf = x509.load_pem_x509_certificate(paths.certificate.read_bytes())
        authority = x509.load_pem_x509_certificate(paths.ca.read_bytes())
        leaf.verify_directly_issued_by(authority)
        covered = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (CertificateError, exceptions.InvalidSignature, x509.ExtensionNotFound):
        return False
    except (ValueError, TypeError):  # cryptography's errors for files that are no certificates
        return False
    known = set(covered.get_values_for_type(x509.DNSName))
    known |= {str(address) for address in covered.get_values_for_type(x509.IPAddress)}
    until = leaf.not_valid_after_utc - RENEW_BEFORE
    return set(map(_normal_name, names)) <= known and until > datetime.datetime.now(datetime.UTC)


def _normal_name(name: str) -> str:
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name


def _write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner can ever read."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    new.replace(path)


def _load(module: str) -> Any:
    """Import a module that only the extra ``tls`` installs."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise CertificateError(
            "making development certificates needs trustme: pip install trio-gameserver[tls]"
        ) from error
