"""
No build context and no mounted folder lies on a Windows drive (/mnt/c in WSL).

Such a file system is many times slower, and the file modes and times that decide what is cached are not kept.

Bad:
    services:
      api:
        image: api
        volumes: ["/mnt/c/Users/me/app:/app"]

Good:
    services:
      api:
        image: api
        volumes: ["./app:/app"]

Fix: Keep the files below the WSL home, or set allow-mnt = true where /mnt/x is a Linux disk.

Source: R15 (non-goals).
"""

import re
from collections.abc import Iterator

from layerproof.model import Service
from layerproof.policy import Breach, ComposeSubject, Keys

# /mnt/c/Users/me, C:\\Users\\me, //c/Users/me
_WINDOWS = re.compile(r"^/mnt/[a-z](/|$)|^[A-Za-z]:[\\/]|^//[a-z]/")


def check(subject: ComposeSubject) -> Iterator[Breach]:
    """Bind mounts and contexts below /mnt/<letter>."""
    if subject.config.allow_mnt:
        return
    for service in subject.project.services:
        for mount in service.raw.get("volumes") or ():
            source = str(mount.get("source", ""))
            keys = _place(subject, service, source)
            # What lies below an overlay is told of the main file.
            if mount.get("type") == "bind" and _WINDOWS.match(source) and (keys or not subject.overlay):
                message = f"{service.name} mounts {source}, which lies on a Windows drive"
                yield keys or ("services", service.name, "volumes"), message
        context = str((service.build or {}).get("context", ""))
        if _WINDOWS.match(context):
            yield (
                ("services", service.name, "build", "context"),
                f"the build context {context} lies on a Windows drive",
            )


def _place(subject: ComposeSubject, service: Service, source: str) -> Keys:
    """Where a mount is written; () where its text is made of variables, or is another file's."""
    keys: Keys = ("services", service.name, "volumes")
    for n in range(len(service.raw["volumes"])):
        if (subject.written((*keys, str(n))) or "").startswith(f"{source}:"):
            return (*keys, str(n))
        if subject.written((*keys, str(n), "source")) == source:
            return (*keys, str(n), "source")
    return ()
