"""What BuildKit reports of a cache elsewhere: that it was read, or written, or could not be."""

from __future__ import annotations

import re
from collections.abc import Iterable

from layerproof.model import Vertex

# "[api] importing cache manifest from localhost:5000/cache:api", "importing cache manifest from gha:123"
_IMPORT = re.compile(r"^(?:\[[^\]]+\] )?importing cache manifest from (?P<place>.+)$")
# "[api] exporting cache to registry"
_EXPORT = re.compile(r"^(?:\[[^\]]+\] )?exporting cache to ")
_CONFIGURING = "failed to configure registry cache importer: "


def imports_cache(vertex: Vertex) -> bool:
    """Whether a vertex reads a cache elsewhere."""
    return _IMPORT.match(vertex.name) is not None


def exports_cache(vertex: Vertex) -> bool:
    """Whether a vertex writes a cache elsewhere."""
    return _EXPORT.match(vertex.name) is not None


def cache_troubles(vertices: Iterable[Vertex]) -> tuple[str, ...]:
    """What a build that ended well could not read or write, with the reason in BuildKit's words."""
    found = []
    for vertex in vertices:
        if not vertex.error or "canceled" in vertex.error:
            continue
        # failed to configure registry cache importer: localhost:5000/cache:api: not found
        reason = vertex.error.splitlines()[0].removeprefix(_CONFIGURING)
        if read := _IMPORT.match(vertex.name):
            place = "" if reason.startswith(read["place"]) else f"{read['place']}: "
            found.append(f"built without the cache {place}{reason}")
        elif exports_cache(vertex):
            found.append(f"{vertex.name}: {reason}")
    return tuple(dict.fromkeys(found))
