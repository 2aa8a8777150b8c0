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
    """Each start command that installs."""
    for service in subject.project.services:
        for key in ("command", "entrypoint"):
            words = service.raw.get(key) or ()
            text = words if isinstance(words, str) else shlex.join(words)
            if found := find_install(text):
                yield ("services", service.name, key), f"{key} of {service.name} runs `{found}`"
        test = (service.raw.get("healthcheck") or {}).get("test") or ()
        text = test if isinstance(test, str) else shlex.join(test)
        if found := find_install(text):
            yield (
                ("services", service.name, "healthcheck", "test"),
                f"health check of {service.name} runs `{found}`",
            )
