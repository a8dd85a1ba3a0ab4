"""How the inference process gives up the network and the right to write, as far as the system lets it."""

import ctypes
import os
import socket
import struct
import sys
import tempfile

_NEW_USER = 0x10000000
_NEW_NET = 0x40000000

#: Linux's Landlock (landlock(7)): system calls, and the rights to write, remove and make files of any kind.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_WRITES = 1 << 1 | 0b1_1111_1111 << 4
_PATH_BENEATH = 1
_NO_NEW_PRIVILEGES = 38


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


def give_up_writing(*places: str) -> bool:
    """Let this process write nowhere but to the temporary folder, to devices, shared memory among them, and to places.

    For good, for all threads that it starts from now on, so to be called before it has a second one. Linux alone has
    the means (Landlock, since 5.13); elsewhere nothing changes.

    Args:
        places: folders that exist.

    Returns:
        True when it holds.
    """
    if sys.platform != "linux":
        return False
    try:
        library = ctypes.CDLL(None, use_errno=True)
        call, control = library.syscall, library.prctl
    except (OSError, AttributeError):
        return False
    rules = struct.pack("<Q", _WRITES)
    ruleset = call(_CREATE_RULESET, rules, ctypes.c_size_t(len(rules)), 0)
    if ruleset < 0:
        return False
    try:
        for place in {tempfile.gettempdir(), "/dev", *places}:
            folder = os.open(place, os.O_PATH | os.O_CLOEXEC)
            try:
                if call(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("<Qi", _WRITES, folder), 0) != 0:
                    return False
            finally:
                os.close(folder)
        return bool(control(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0 and call(_RESTRICT_SELF, ruleset, 0) == 0)
    except OSError:
        return False
    finally:
        os.close(ruleset)


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
