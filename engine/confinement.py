"""How the inference process gives up the network, as far as the system lets it."""

import ctypes
import os
import socket
import sys

_NEW_USER = 0x10000000
_NEW_NET = 0x40000000


def leave_network() -> str:
    """Cut this process off from the network for good; to be called before it has a second thread.

    On Linux it moves to a network namespace of its own that has no interface ("namespace"), where the kernel permits
    that. Elsewhere Python's sockets are made to refuse ("guard"), which stops libraries, but not hostile code.

    Returns:
        "namespace" or "guard".
    """
    if sys.platform == "linux" and _own_namespace():
        return "namespace"
    _guard()
    return "guard"


def _own_namespace() -> bool:
    try:
        unshare = ctypes.CDLL(None, use_errno=True).unshare
    except (OSError, AttributeError):
        return False
    if unshare(_NEW_NET) == 0:
        return True
    user, group = os.geteuid(), os.getegid()
    if unshare(_NEW_USER | _NEW_NET) != 0:
        return False
    # In the new user namespace this process is still who it was.
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        try:
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)
        except OSError:
            break
    return True


def _guard() -> None:
    plain = socket.socket

    class Refused(plain):  # type: ignore[misc, valid-type]
        """A socket that reaches this machine's own files only."""

        def connect(self, address: object) -> None:
            """Refuse all but sockets of the file system."""
            self._check()
            super().connect(address)

        def connect_ex(self, address: object) -> int:
            """Refuse all but sockets of the file system."""
            self._check()
            return int(super().connect_ex(address))

        def bind(self, address: object) -> None:
            """Refuse all but sockets of the file system."""
            self._check()
            super().bind(address)

        def sendto(self, *args: object) -> int:
            """Refuse all but sockets of the file system."""
            self._check()
            return int(super().sendto(*args))

        def _check(self) -> None:
            if self.family != getattr(socket, "AF_UNIX", None):
                raise PermissionError("The inference process has no network.")

    socket.socket = Refused  # type: ignore[misc]
