"""What is asked of the kernel about a socket: Linux tcp(7) where it is there, nothing elsewhere."""

import socket
import sys
from typing import Any

_TCP_INFO = getattr(socket, "TCP_INFO", None)
# struct tcp_info of linux/tcp.h: where its fields lie
_BYTES_ACKED, _NOT_SENT, _BYTES_SENT, _BYTES_RETRANSMITTED, _LENGTH = 120, 144, 200, 208, 216


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


def acknowledged(sock: Any, written: int | None) -> bool | None:
    """Whether the peer's system took in all that was sent while its socket was open; ``None`` if that is not known.

    *written* is the number of bytes given to the socket since it was connected, ``None`` if TLS hides it. If False,
    the peer's program cannot have read the last request to its end.
    """
    if _TCP_INFO is None or sock is None:
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 256)
    except OSError:
        return None
    if len(info) < _LENGTH:
        return None
    acked = _number(info, _BYTES_ACKED, 8) - 1  # the kernel counts the SYN
    if written is not None:
        return acked >= written
    sent = _number(info, _BYTES_SENT, 8) - _number(info, _BYTES_RETRANSMITTED, 8)
    return acked >= sent and not _number(info, _NOT_SENT, 4)


def _number(info: bytes, at: int, size: int) -> int:
    return int.from_bytes(info[at : at + size], sys.byteorder)
