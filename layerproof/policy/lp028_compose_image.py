"""
The image of a service that is pulled is named with a version, or by its digest.

`mongo:latest`, and `mongo` alone, is another program after the next pull: two machines run two versions, and a data
store may refuse the files of the one before. With `pin = "digest"` in [tool.layerproof.policy] each has to be named by
its digest. The images that the project builds are not meant.

Bad:
    services:
      mongo:
        image: mongo:${MONGO_VERSION:-latest}

Good:
    services:
      mongo:
        image: mongo:${MONGO_VERSION:-7.0}

Fix: Name the version in the tag, or add the digest that `docker buildx imagetools inspect` shows.

Source: R11 (mongo:7.0: the stack names what it runs).
"""

from __future__ import annotations

from collections.abc import Iterator

from layerproof.graph import pulled_services
from layerproof.policy import Breach, ComposeSubject
from layerproof.policy.pins import unpinned


def check(subject: ComposeSubject) -> Iterator[Breach]:
    """Each service whose image may be another one after the next pull."""
    for service in pulled_services(subject.project):
        named = str(service.raw.get("image") or "")
        is_pulled = named and not service.build and service.raw.get("pull_policy") not in ("never", "build")
        wrong = unpinned(named, subject.config.policy.pin) if is_pulled else ""
        if wrong:
            keys = ("services", service.name, "image")
            why = f" ({subject.written(keys)}, which is empty here)" if named.endswith(":") else ""
            yield keys, f"{named.removesuffix(':')} {wrong}{why}"
