"""
No password stands in a compose file, unless the file is for development.

Who can read the repository can log in, and a password that was ever committed stays in its history. Looked at are the
environment, the arguments of the build, labels, the command, the entry point and the health check. A default,
`${DB_PASSWORD:-secret}`, is in force wherever nobody has set the variable: that is right for one machine and wrong as
soon as the data store is published to others. Files and profiles that are called dev, local, test, ci or override are
for development. No access control at all (POSTGRES_HOST_AUTH_METHOD: trust, an empty password) counts as a password
that everybody knows. The value is never shown.

Bad:
    services:
      db:
        image: postgres:16
        environment:
          POSTGRES_PASSWORD: secret

Good:
    services:
      db:
        image: postgres:16
        environment:
          POSTGRES_PASSWORD: ${DB_PASSWORD:?set it in .env}

Fix: Take it from a variable without a default (`${NAME:?set it in .env}`) or from a Compose secret, and change it.

Source: R8 (secrets stay out of what is committed).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from layerproof.compose import environment_of
from layerproof.model import Service
from layerproof.policy import Breach, ComposeSubject, Keys
from layerproof.policy.data_stores import open_ports, store_name
from layerproof.policy.development import is_for_development
from layerproof.secret_names import is_no_secret, names_secret, secret_in_command

# MYSQL_ALLOW_EMPTY_PASSWORD: "yes", POSTGRES_HOST_AUTH_METHOD: trust
_NO_PASSWORD = re.compile(r"(^|_)allow_empty_(root_)?password$")
# $NAME, ${NAME}, ${NAME:?message}, ${NAME:-default}; not $$
_VARIABLE = re.compile(r"\$(?:\w+|\{\w+(?::?(?P<how>[-+?])(?P<default>(?:[^{}]|\{[^{}]*\})*))?\})")
_LITERAL, _DEFAULT, _RIGHT = "literal", "default", ""
# postgres://app:hunter2@db/app, redis://:hunter2@cache
_ADDRESS = re.compile(r"://[^\s/:@]*:(?P<password>[^\s/@]+)@")


def check(subject: ComposeSubject) -> Iterator[Breach]:
    """Each entry whose value in force everybody can read."""
    if subject.overlay == "dev":
        return
    built = {image.service: image for image in subject.project.images if image.service}
    for service in subject.project.services:
        image = built.get(service.name)
        images = subject.project.images
        reachable = bool(store_name(service, image, images)) and any(open_ports(service, image, images))
        for keys in _named_values(service):
            text, name = subject.written(keys), keys[-1]
            what, how = _judge(name, text.strip()) if text else ("", _RIGHT)
            if how == _LITERAL and not is_for_development(subject, service, keys):
                yield keys, f"{name} {what}"
            if how == _DEFAULT and reachable:
                yield keys, f"{name} {what} as a default, and {service.name} is published to the network"
        for keys in _commands(service):
            found = secret_in_command(_without_variables(_written(subject, service, keys)))
            if found and not is_for_development(subject, service, keys):
                yield keys, f"{'.'.join(keys[2:])} holds {found}, here in the file"


def _named_values(service: Service) -> Iterator[Keys]:
    """The key paths of what a service, its build and its labels are told by name."""
    for name in environment_of(service.raw):
        yield "services", service.name, "environment", name
    for parts in (("build", "args"), ("labels",)):
        named = service.raw
        for part in parts:
            named = named.get(part) or {}
        yield from (("services", service.name, *parts, name) for name in named)


def _commands(service: Service) -> Iterator[Keys]:
    """The key paths of what a service runs."""
    yield from (("services", service.name, name) for name in ("entrypoint", "command") if service.raw.get(name))
    if (service.raw.get("healthcheck") or {}).get("test"):
        yield "services", service.name, "healthcheck", "test"


def _written(subject: ComposeSubject, service: Service, keys: Keys) -> str:
    """A command as it is written, the words of a list one after the other; "" where the files do not say it."""
    node: Any = service.raw
    for key in keys[2:]:
        node = node[key]
    words = [subject.written((*keys, str(n))) for n in range(len(node))] if isinstance(node, list) else []
    given = [word for word in words if word is not None]
    return " ".join(given) if given else subject.written(keys) or ""


def _without_variables(text: str) -> str:
    """A text in which every variable, Compose's own or the container's, is one that nobody knows."""
    return _VARIABLE.sub("$_", text.replace("$$", "\ue000")).replace("\ue000", "$")


def _judge(name: str, text: str) -> tuple[str, str]:
    """What is wrong with an entry as it is written, and whether it is a literal or a default."""
    lower = re.sub(r"\W", "_", name.lower())
    open_method = lower == "postgres_host_auth_method" and text == "trust"
    if open_method or (_NO_PASSWORD.search(lower) and text.lower() in ("yes", "true", "1")):
        return "lets everybody in without a password", _LITERAL
    if names_secret(name) and not _is_stand_in(lower, text):
        return "has a secret for its value, here in the file", _how(text)
    found = _ADDRESS.search(_masked(text))
    if found:
        return "has a password in its address, here in the file", _how(_unmasked(found["password"], text))
    return "", _RIGHT


def _masked(text: str) -> str:
    """A text whose variables are one character each, so that what is in them is not taken for the text's own."""
    numbers = iter(range(0xE000, 0xF8FF))
    return _VARIABLE.sub(lambda _: chr(next(numbers)), text)


def _unmasked(part: str, text: str) -> str:
    variables = [found.group(0) for found in _VARIABLE.finditer(text)]
    return "".join(variables[ord(each) - 0xE000] if 0xE000 <= ord(each) < 0xF8FF else each for each in part)


def _how(text: str) -> str:
    """Whether a value is a literal, the default of a variable, or right."""
    found = _VARIABLE.search(text.replace("$$", ""))
    if found is None:
        return _RIGHT if is_no_secret(text) else _LITERAL
    # A default that is a variable again is as good as that one.
    default = found["default"] if found["how"] == "-" and found.group(0) == text else ""
    return _how(default) and _DEFAULT if default else _RIGHT


def _is_stand_in(name: str, text: str) -> bool:
    """What local stand-ins of AWS ask for and do not look at."""
    return name.startswith("aws_") and text in ("test", "local", "localstack")
