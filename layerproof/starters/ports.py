"""The port that a service listens on, found in its sources."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

# A call that listens, to its opening bracket: app.listen(, http.ListenAndServe(, uvicorn.run(, TcpListener::bind(
_CALL = re.compile(
    r"(?:\.listen|\bListenAndServe(?:TLS)?|\bnet\.Listen|\brun_app|\b(?:uvicorn|app|application|server|mcp)\.[rR]un"
    r"|\bbind|\bbind_addr|\bserve|\bHTTPServer|\bServerSocket|\bcreate_server|\bstart_server|SocketAddr::from)\s*\("
)
# 3000, {port: 3000}, process.env.PORT || 3000, port=int(os.environ.get("PORT", 3000)), ":3000", ("0.0.0.0", 3000)
_IN_CALL = (
    re.compile(r"""(?i)\bport\b(?:["']\s*,\s*["']?(?=\d)|[^\d,;\n]){0,60}?(\d{2,5})\b(?!\.\d)"""),
    re.compile(r"""["'`][\w.*\[\]:-]*:(\d{2,5})["'`]"""),
    re.compile(r"""^[\s(]*(?:(?!port)\w+\s*,\s*)?(?:["'][\w.:]*["']|\[0, 0, 0, 0\])\s*,\s*(\d{2,5})\b"""),
    re.compile(r"^\s*(\d{2,5})\b(?!\.)"),
)
# Without such a call: process.env.PORT || 3000, ("--port", default=5000), port := 5000, port: 3000, ":8080"
_SETTINGS = (
    re.compile(r"""\bPORT\b["'\])]*\s*(?:\|\||\?\?|,|or|:?=)\s*["'(]*(\d{2,5})\b"""),
    re.compile(r"""(?i)["'](?:--)?port["']\s*,[^\n\d]{0,60}?(\d{2,5})\b"""),
    re.compile(r"""(?i)\bport\w*\s*(?::\s*\w+\s*)?:?=\s*(?:int\()?["']?(\d{2,5})\b"""),
    re.compile(r"""(?i)\bport["']?\s*:\s*(\d{2,5})\b"""),
    re.compile(r"""["'](?:0\.0\.0\.0|\[::\])?:(\d{2,5})["']"""),
    re.compile(r"""["']0\.0\.0\.0["']\s*,\s*(\d{2,5})\b"""),
)
# Ports of what a service talks to: databases, caches, queues, mail.
_OF_OTHERS = frozenset((25, 465, 587, 1433, 3306, 5432, 5672, 6379, 9092, 9200, 11211, 27017))
_CLIENT = re.compile(r"(?i)redis|postgres|mysql|mongo|pool|createClient|smtp|connect|kafka|amqp")
_LONGEST_CALL = 400


def find_port(texts: Mapping[str, str], start: str = "") -> int | None:
    """
    The port that a program listens on; None where its sources do not say.

    Args:
        texts: the sources by path, in order.
        start: the file, or the folder, of what starts, whose port is looked for first; an output stands for its source.
    """
    first = [text for path, text in texts.items() if _is_start(path, start)]
    others = [text for path, text in texts.items() if not _is_start(path, start)]
    for group in (first, others):
        for find in (_listened, _set):
            if port := next((port for text in group for port in find(text)), None):
                return port
    return None


def find_java_port(texts: Mapping[str, str]) -> int | None:
    """The port that the configuration of Spring Boot, Quarkus or Micronaut sets; None where it sets none."""
    for path, text in texts.items():
        read = _property if path.endswith(".properties") else _yaml_value
        for key in ("server.port", "quarkus.http.port", "micronaut.server.port"):
            # 8080, ${PORT:8080}
            if found := re.fullmatch(r"""["']?(?:\$\{[\w.]+:)?(\d{2,5})\}?["']?""", read(text, key)):
                return int(found[1])
    return None


def _is_start(path: str, start: str) -> bool:
    if start == ".":
        return "/" not in path
    inner, wanted = _inner(path), _inner(start)
    return bool(wanted) and (inner == wanted or inner.startswith(f"{wanted}/"))


def _inner(path: str) -> str:
    # dist/server/main.js and src/server/main.ts are server/main
    return re.sub(r"^(?:\./)?(?:(?:src|dist|build|out|lib)/)*|\.\w+$", "", path)


def _listened(text: str) -> Iterator[int]:
    for call in _CALL.finditer(text):
        inside = _arguments(text, call.end())
        found = (match for pattern in _IN_CALL for match in pattern.finditer(inside))
        yield from (int(match[1]) for match in found if _is_port(match[1]))


def _set(text: str) -> Iterator[int]:
    for pattern in _SETTINGS:
        for match in pattern.finditer(text):
            is_client = _CLIENT.search(_line(text, match.start(), match.end()))
            if _is_port(match[1]) and int(match[1]) not in _OF_OTHERS and not is_client:
                yield int(match[1])


def _arguments(text: str, start: int) -> str:
    """What stands in the brackets of a call, without what a function that it is given holds."""
    depth = 1
    for end, letter in enumerate(text[start : start + _LONGEST_CALL], start):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth == 0 or text.startswith(("=>", "function"), end):
            return text[start:end]
    return text[start : start + _LONGEST_CALL]


def _line(text: str, start: int, end: int) -> str:
    after = text.find("\n", end)
    return text[text.rfind("\n", 0, start) + 1 : after if after >= 0 else None]


def _is_port(digits: str) -> bool:
    return 0 < int(digits) < 65536


def _property(text: str, key: str) -> str:
    # server.port = 8080
    found = re.search(rf"^[ \t]*{re.escape(key)}[ \t]*[=:][ \t]*(\S*)", text, re.MULTILINE)
    return found[1] if found else ""


def _yaml_value(text: str, key: str) -> str:
    """The first value of a dotted key, however its parts are spread over lines; "" for none."""
    above: list[tuple[int, str]] = []
    # "  port: 8080  # comment"
    for indent, name, value in re.findall(r"^([ ]*)([\w.-]+):(?:[ \t]+([^#\n]*))?", text, re.MULTILINE):
        above = [*(item for item in above if item[0] < len(indent)), (len(indent), name)]
        if ".".join(part for _, part in above) == key and value.strip():
            return str(value).strip()
    return ""
