"""The server's end of TLS and a client's, hands shaken: an honest client's, or one that forges."""

from __future__ import annotations

import ssl

from gameserver.runtime.net.tls_codec import (
    TlsCodec,
)
from tests.support.sockets import client_tls, server_tls
from tests.support.tls_records import ForgedTls


def forged(version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> tuple[TlsCodec, ForgedTls]:
    """The server's codec and a client that forges, hands shaken."""
    server, client = TlsCodec(server_tls()), ForgedTls(version)
    over = False
    while not (over and client.over):
        server.feed(client.shake_hands(server.take_ciphertext()))
        over = server.shake_hands()
    client.decrypt(server.take_ciphertext())
    return server, client


def pair() -> tuple[TlsCodec, TlsCodec]:
    """A server's codec and a client's, hands shaken."""
    server, client = TlsCodec(server_tls()), TlsCodec(client_tls(), "localhost")
    while not client.shake_hands():
        server.feed(client.take_ciphertext())
        server.shake_hands()
        client.feed(server.take_ciphertext())
    server.feed(client.take_ciphertext())
    assert server.shake_hands()
    return server, client
