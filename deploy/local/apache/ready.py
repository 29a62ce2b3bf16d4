"""Whether a node of Apache Kafka takes part, asked without a client library."""

from __future__ import annotations

import socket
import struct

from deploy.local.ports import LOOPBACK

_METADATA, _SASL_HANDSHAKE, _SASL_AUTHENTICATE = 3, 17, 36


def takes_part(port: int, user: str = "", password: str = "", seconds: float = 1.0) -> bool:
    """Whether the node lists itself as a broker in its answer to Metadata (version 1, asked for no topic). With a user
    it authenticates first (SASL/PLAIN).

    An answer alone is not enough: a node that has just started is fenced for a while, and refuses topics and records.
    """
    try:
        with socket.create_connection((LOOPBACK, port), timeout=seconds) as connection:
            if user:
                if _ask(connection, _SASL_HANDSHAKE, 1, _text("PLAIN"))[:2] != b"\0\0":
                    return False
                token = b"\0" + user.encode() + b"\0" + password.encode()
                if _ask(connection, _SASL_AUTHENTICATE, 0, struct.pack(">i", len(token)) + token)[:2] != b"\0\0":
                    return False
            (brokers,) = struct.unpack(">i", _ask(connection, _METADATA, 1, struct.pack(">i", 0))[:4])
    except (OSError, struct.error):
        return False
    return bool(brokers > 0)


def _ask(connection: socket.socket, key: int, version: int, body: bytes) -> bytes:
    """The answer after its header. Raises OSError, struct.error."""
    request = struct.pack(">hhih", key, version, 7, -1) + body  # correlation id 7, no client id
    connection.sendall(struct.pack(">i", len(request)) + request)
    (size,) = struct.unpack(">i", connection.recv(4, socket.MSG_WAITALL))
    answer = connection.recv(size, socket.MSG_WAITALL)
    if answer[:4] != struct.pack(">i", 7):
        raise OSError("not the answer to what was asked")
    return answer[4:]


def _text(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()
