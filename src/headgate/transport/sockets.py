"""What is asked of the kernel about a socket: Linux tcp(7) where it is there, nothing elsewhere."""

import socket
import sys
from typing import Any

_TCP_INFO = getattr(socket, "TCP_INFO", None)
# struct tcp_info of linux/tcp.h: where its fields lie
_BYTES_ACKED, _BYTES_SENT, _BYTES_RETRANSMITTED, _LENGTH = 120, 200, 208, 216


def probe_when_silent(sock: Any) -> None:
    """Have the kernel test a silent peer, so that a wait of minutes for a slow model notices a dead host or route.

    The packets also keep address translators from forgetting the connection.
    """
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (("TCP_KEEPIDLE", 45), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
            if hasattr(socket, option):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    except OSError:
        pass  # a comfort, not a need


def sent_and_acknowledged(sock: Any) -> tuple[int, int] | None:
    """Return how many bytes went out since the socket was connected, and how many of them the peer's system took in
    while its own socket was open. ``None`` if the kernel does not tell."""
    if _TCP_INFO is None or sock is None:
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 256)
    except OSError:
        return None
    if len(info) < _LENGTH:
        return None
    sent = _number(info, _BYTES_SENT) - _number(info, _BYTES_RETRANSMITTED)
    return sent, _number(info, _BYTES_ACKED) - 1  # the kernel counts the SYN


def _number(info: bytes, at: int) -> int:
    return int.from_bytes(info[at : at + 8], sys.byteorder)
