"""Whether a step failed because of the network, by what its tools print."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Unable to connect to deb.example.org:http:; curl: (6) Could not resolve host: x; dial tcp 1.2.3.4:443: i/o timeout
_NO_NETWORK = re.compile(
    r"(could not|unable to|failed to) (connect|resolve host|fetch|download)|temporary failure|i/o timeout"
    r"|(connection|connect|read|request|operation) (refused|reset|timed out)|(network|host) is unreachable|no such host"
    r"|TLS handshake timeout|\b(ECONNRESET|ECONNREFUSED|ETIMEDOUT|ENOTFOUND|EAI_AGAIN)\b",
    re.IGNORECASE,
)
# A test that asks a database which a build does not have.
_THIS_MACHINE = re.compile(r"localhost|127\.0\.0\.1|::1")


def has_failed_download(printed: Iterable[str]) -> bool:
    """Whether one of some lines says that another machine could not be reached."""
    return any(_NO_NETWORK.search(line) and not _THIS_MACHINE.search(line) for line in printed)
