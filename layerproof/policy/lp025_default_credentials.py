"""
No password stands in a compose file, unless the file is for development.

Who can read the repository can log in, and a password that was ever committed stays in its history. A default,
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

from layerproof.compose import environment_of
from layerproof.model import Service
from layerproof.policy import Breach, ComposeSubject, Keys
from layerproof.policy.data_stores import open_ports, store_name

# DB_PASSWORD, RABBITMQ_DEFAULT_PASS, SECRET_KEY_BASE, NEO4J_AUTH; not TOKEN_TTL, ACCESS_KEY_ID, PUSHER_APP_KEY
_SECRET = re.compile(
    r"(^|_)(pg)?(password|passwd|pass|pwd|passphrase|secret|token|credentials?|apikey"
    r"|(api|access|private|secret|master|signing|encryption|jwt|fernet)_?key)(_base|_?\d+)?$|^(neo4j_auth|app_key)$"
)
# What is compiled into a web page is read by everybody.
_PUBLIC = re.compile(r"(^|_)(public|publishable|site)(_|$)|^(vite|react_app|vue_app|gatsby|expo)_")
# true, none, dummy, not-a-secret, /run/secrets/db, op://vault/item, arn:aws:secretsmanager:..., <your token>
_NO_SECRET = re.compile(
    r"|0|1|true|false|yes|no|on|off|none|null|.*(dummy|placeholder|fake|unused|not[-_ ]?(a[-_ ])?secret).*"
    r"|(/|\./|(op|vault|arn|aws\w*|gcp\w*|ssm|file):|\{\{|<).*",
    re.IGNORECASE,
)
# MYSQL_ALLOW_EMPTY_PASSWORD: "yes", POSTGRES_HOST_AUTH_METHOD: trust
_NO_PASSWORD = re.compile(r"(^|_)allow_empty_(root_)?password$")
# docker-compose.dev.yml, compose.override.yaml, test/compose.yml
_DEVELOPMENT = re.compile(r"(^|[._-])(dev|devel|development|override|local|tests?|testing|e2e|ci)([._-]|$)")
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
        reachable = bool(store_name(service, image)) and any(open_ports(service, image))
        for name in environment_of(service.raw):
            keys: Keys = ("services", service.name, "environment", name)
            text = subject.written(keys)
            what, how = _judge(name, text.strip()) if text else ("", _RIGHT)
            if how == _LITERAL and not _is_development(subject, service, keys):
                yield keys, f"{name} {what}"
            if how == _DEFAULT and reachable:
                yield keys, f"{name} {what} as a default, and {service.name} is published to the network"


def _judge(name: str, text: str) -> tuple[str, str]:
    """What is wrong with an entry as it is written, and whether it is a literal or a default."""
    lower = re.sub(r"\W", "_", name.lower())
    open_method = lower == "postgres_host_auth_method" and text == "trust"
    if open_method or (_NO_PASSWORD.search(lower) and text.lower() in ("yes", "true", "1")):
        return "lets everybody in without a password", _LITERAL
    if _SECRET.search(lower) and not _PUBLIC.search(lower) and not _is_stand_in(lower, text):
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
        return _RIGHT if _NO_SECRET.fullmatch(text) else _LITERAL
    # A default that is a variable again is as good as that one.
    default = found["default"] if found["how"] == "-" and found.group(0) == text else ""
    return _how(default) and _DEFAULT if default else _RIGHT


def _is_stand_in(name: str, text: str) -> bool:
    """What local stand-ins of AWS ask for and do not look at."""
    return name.startswith("aws_") and text in ("test", "local", "localstack")


def _is_development(subject: ComposeSubject, service: Service, keys: Keys) -> bool:
    profiles = service.raw.get("profiles") or ()
    is_for_it = bool(profiles) and all(_DEVELOPMENT.search(str(profile)) for profile in profiles)
    return is_for_it or _DEVELOPMENT.search(subject.file_of(keys).name) is not None
