"""The sources of a folder, and the health routes in them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from layerproof.starters import Folder

# app.get("/health", ...), @app.route('/livez'), HandleFunc("GET /healthz", ...)
_HEALTH = re.compile(r"""["'`](?:GET )?(/(?:api/)?(?:livez|healthz?|health/live|_health|readyz|ping))/?["'`]""")
_READS_PORT = re.compile(
    r"""process\.env\.PORT\b|environ(?:\.get)?[\[(]\s*["']PORT["']|getenv\(\s*["']PORT["']|Getenv\("PORT"\)"""
    r"""|env::var\("PORT"\)|\$\{?PORT\b|LookupEnv\("PORT"\)|Environment\["PORT"\]|\bconfig\(\s*["']PORT["']"""
)
_TESTS = re.compile(
    r"(^|/)(tests?|__tests__|spec|e2e|examples?|docs?|node_modules|vendor)/|[._](test|spec)\.|_test\.|(^|/)test_"
)


def sources(folder: Folder, *endings: str, limit: int = 400) -> Iterator[tuple[str, str]]:
    """The files with these endings that are no tests, those at the top first, with their text."""
    # src/main/java/com/example/Main.java is no example
    found = (
        path
        for path in folder.paths
        if path.endswith(endings) and (path.startswith("src/main/") or not _TESTS.search(path))
    )
    for path in sorted(found, key=lambda path: (path.count("/"), path))[:limit]:
        yield path, folder.read(path)


def find_health_path(text: str) -> str:
    """A route for health checks that a text defines; "" for none."""
    found = _HEALTH.search(text)
    return found[1] if found else ""


def reads_port(text: str) -> bool:
    """Whether the environment variable PORT decides where it listens."""
    return _READS_PORT.search(text) is not None
