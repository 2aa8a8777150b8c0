"""
No shell script, npm lifecycle script or script that starts the stack installs dependencies.

The Dockerfile is the only place that says what is in an image. An install hidden in a script runs at another time,
with other versions, and no cache knows of it.

Bad:
    #!/bin/sh
    pip install -r requirements.txt
    exec python app.py

Good:
    #!/bin/sh
    exec docker compose up "$@"

Fix: Move the install into the Dockerfile's stage `deps`.

Source: R9 (US-8).
"""

import json
from collections.abc import Iterator

from layerproof.commands import find_install
from layerproof.policy import Breach, ScriptSubject
from layerproof.policy.script_commands import logical_lines

# npm runs these by itself, before or after what was asked for.
LIFECYCLE = (
    "preinstall",
    "install",
    "postinstall",
    "prepare",
    "prestart",
    "start",
    "poststart",
    "predev",
    "dev",
    "prebuild",
)


def check(subject: ScriptSubject) -> Iterator[Breach]:
    """Each line of a shell script, or each lifecycle script of a package.json, that installs."""
    if subject.path.name == "package.json":
        yield from _lifecycle(subject.text)
        return
    for number, line in logical_lines(subject.text, heredocs=True):
        if not line.lstrip().startswith("#") and (found := find_install(line)):
            yield number, f"`{found}` installs dependencies outside the Dockerfile"


def _lifecycle(text: str) -> Iterator[Breach]:
    try:
        scripts = dict(json.loads(text).get("scripts") or {})
    except (ValueError, AttributeError, TypeError):
        return
    for name in LIFECYCLE:
        if found := find_install(str(scripts.get(name, ""))):
            lines = text.splitlines()
            line = next((n for n, row in enumerate(lines, start=1) if f'"{name}":' in row), 1)
            yield line, f"npm script {name} runs `{found}`: dependencies are installed in the Dockerfile"
