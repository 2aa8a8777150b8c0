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

from layerproof.policy import Breach, ComposeSubject

_WINDOWS = re.compile(r"^/mnt/[a-z](/|$)")


def check(subject: ComposeSubject) -> Iterator[Breach]:
    """Bind mounts and contexts below /mnt/<letter>."""
    if subject.config.allow_mnt:
        return
    for service in subject.project.services:
        for mount in service.raw.get("volumes") or ():
            if mount.get("type") == "bind" and _WINDOWS.match(str(mount.get("source", ""))):
                keys = ("services", service.name, "volumes")
                yield keys, f"{service.name} mounts {mount['source']}, which lies on a Windows drive"
        context = str((service.build or {}).get("context", ""))
        if _WINDOWS.match(context):
            yield (
                ("services", service.name, "build", "context"),
                f"the build context {context} lies on a Windows drive",
            )
