"""Asking a publisher for its statistics, as lists of channels do. Sections 4.2, 4.3 and 4.8 of spec/protocol.md."""

from __future__ import annotations

import errno
import select
import socket
import time
from typing import Any, Dict

from ._connection import Connection, peer_credentials
from ._directory import Directory, Trust
from ._errors import REMEDIES, SluiceError
from ._handshake import ERROR, HELLO, WELCOME
from ._json import Refused
from ._text import printable


def observe(directory: Directory, channel: str, trust: Trust, timeout_s: float = 1.0) -> Dict[str, Any]:
    """``{'publisher': …, 'subscribers': […]}`` as the publisher tells it: foreign, for display. ``CHANNEL_NOT_FOUND``,
    ``NO_ANSWER`` after ``timeout_s`` seconds, ``ACCESS_DENIED``, ``PROTOCOL``."""
    deadline = time.monotonic() + timeout_s
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC) as peer:
        try:
            peer.connect(directory.socket_path(channel))
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ECONNREFUSED):
                raise SluiceError("CHANNEL_NOT_FOUND", f"nobody publishes {channel}") from None
            denied = error.errno in (errno.EACCES, errno.EPERM)
            code = "ACCESS_DENIED" if denied else "NO_ANSWER"
            raise SluiceError(code, f"cannot connect to {channel}: {error.strerror}") from None
        uid = peer_credentials(peer)[1]
        if not trust.server(uid, directory):
            raise SluiceError("ACCESS_DENIED", f"{channel} is published by the user {uid}, who is not allowed")
        connection = Connection(peer, "client")
        try:
            return _statistics(connection, channel, deadline)
        finally:
            connection.close()


def _statistics(connection: Connection, channel: str, deadline: float) -> Dict[str, Any]:
    connection.send(HELLO, {"protocol": 1, "role": "observer", "label": "sluice"})
    poller = select.poll()
    poller.register(connection.fileno(), select.POLLIN)
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not poller.poll(left * 1000):
            raise SluiceError("NO_ANSWER", f"the publisher of {channel} does not answer")
        try:
            frames = connection.receive()
        except Refused as refused:
            raise SluiceError("PROTOCOL", f"{channel}: {printable(str(refused))}") from None
        for kind, body, _ in frames:
            if kind == WELCOME and "stats" in body:
                stats: Dict[str, Any] = body["stats"]
                return stats
            if kind == ERROR:
                code = body["code"] if body["code"] in REMEDIES else "PROTOCOL"
                raise SluiceError(code, f"{channel}: {printable(body['message'], 1024)}")
        if connection.ended:
            raise SluiceError("CHANNEL_NOT_FOUND", f"the publisher of {channel} ended before it answered")
