"""
Nothing is installed when a container starts: not by `command`, `entrypoint` or a health check of the compose file.

An install at start makes every start slow and different, and fails where there is no network.

Bad:
    services:
      web:
        image: web
        command: sh -c "npm install && npm run dev"

Good:
    services:
      web:
        image: web
        command: npm run dev

Fix: Install in the Dockerfile; the command only starts the program.

Source: R9 (US-8, and section 4 of the second stack's plan).
"""

import shlex
from collections.abc import Iterator

from layerproof.commands import find_install
from layerproof.policy import Breach, ComposeSubject


def check(subject: ComposeSubject) -> Iterator[Breach]:
    """Each start command that installs; what the entrypoint runs may stand in the command."""
    for service in subject.project.services:
        entrypoint, command = _words(service.raw.get("entrypoint")), _words(service.raw.get("command"))
        by_key = {"entrypoint": entrypoint, "command": command, "both": (*entrypoint, *command)}
        for key, words in by_key.items():
            if found := find_install(shlex.join(words)):
                key = "command" if key == "both" else key
                yield ("services", service.name, key), f"{key} of {service.name} runs `{found}`"
                break
        if found := find_install(shlex.join(_words((service.raw.get("healthcheck") or {}).get("test")))):
            keys = ("services", service.name, "healthcheck", "test")
            yield keys, f"health check of {service.name} runs `{found}`"


def _words(value: str | list[str] | None) -> tuple[str, ...]:
    return tuple(shlex.split(value)) if isinstance(value, str) else tuple(map(str, value or ()))
