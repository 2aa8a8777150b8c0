"""
Nothing in this process may fetch: weights come from the folder that was mounted, or not at all.

The libraries below have many ways to download what they miss (torch.hub, iopath's handlers, fvcore, 4D-Humans' own
helper). All of them pass the interpreter's audit events, which a library can neither avoid nor rename.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from typing import Any

_state = {"installed": False, "on": False}


class DownloadRefused(RuntimeError):  # named after what happened
    """A library has tried to reach another machine."""


def forbid_downloads() -> None:
    """Make every outgoing connection of this process, except to itself, raise DownloadRefused from now on."""
    # Hugging Face's client reads it once, when it is imported.
    os.environ["HF_HUB_OFFLINE"] = "1"
    _state["on"] = True
    if not _state["installed"]:  # a hook cannot be taken away again
        sys.addaudithook(_refuse)
        _state["installed"] = True


def allow_downloads() -> None:
    """Undo `forbid_downloads`; for tests, which share a process."""
    _state["on"] = False


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if not _state["on"]:
        return
    if event == "urllib.Request":
        target = str(arguments[0])
        if not target.startswith(("file:", "data:")):
            raise _refusal(target)
    elif event == "socket.getaddrinfo":
        # Asking for the form of an address, as a server does for the one it listens on, asks nobody.
        host = _text(arguments[0] or "localhost")
        if host != "localhost" and _address(host) is None:
            raise _refusal(host)
    elif event == "socket.connect":
        address = arguments[1]  # a tuple for IP; a path for a Unix socket, which stays on this machine
        if isinstance(address, tuple) and address and not _is_this_machine(str(address[0])):
            raise _refusal(str(address[0]))


def _is_this_machine(host: str) -> bool:
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback or address.is_unspecified


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address written in digits; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _text(host: object) -> str:
    return host.decode(errors="replace") if isinstance(host, bytes) else str(host)


def _refusal(target: str) -> DownloadRefused:
    return DownloadRefused(
        f"A library wanted to reach {target}. This service downloads nothing: weights come from the mounted folder, "
        "see `inv weights`."
    )
