"""Ports, health routes and patterns in the sources of a folder."""

from __future__ import annotations

import re
from collections.abc import Iterator

from layerproof.starters import Folder

# .listen(3000), listen(process.env.PORT || 3000), port=5000, PORT", "8080", ":8080", bind(("0.0.0.0", 7000))
_PORTS = (
    re.compile(r"\.listen\(\s*(\d{2,5})\b"),
    re.compile(r"""\bPORT\b["'\])]*\s*(?:\|\||\?\?|,|or|:=?|=)\s*["'(]*(\d{2,5})\b"""),
    re.compile(r"""(?i)\bport\w*\s*(?::\s*\w+\s*)?=\s*(?:int\()?["']?(\d{2,5})\b"""),
    re.compile(r"""(?i)\bport["']?\s*:\s*(\d{2,5})\b"""),
    re.compile(r"""["'](?:0\.0\.0\.0|\[::\]|127\.0\.0\.1|localhost)?:(\d{2,5})["']"""),
    re.compile(r"""["']0\.0\.0\.0["']\s*,\s*(\d{2,5})\b"""),
    re.compile(r"""\(\[0, 0, 0, 0\],\s*(\d{2,5})\)"""),
    re.compile(r"^\s*server\.port\s*[=:]\s*(\d{2,5})\b", re.MULTILINE),
)
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


def find_port(text: str) -> int | None:
    """The port that a text listens on; None where it does not say."""
    for pattern in _PORTS:
        for match in pattern.finditer(text):
            if 0 < int(match[1]) < 65536:
                return int(match[1])
    return None


def find_health_path(text: str) -> str:
    """A route for health checks that a text defines; "" for none."""
    found = _HEALTH.search(text)
    return found[1] if found else ""


def reads_port(text: str) -> bool:
    """Whether the environment variable PORT decides where it listens."""
    return _READS_PORT.search(text) is not None
