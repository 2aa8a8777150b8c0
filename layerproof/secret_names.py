"""Which names are those of secrets, and which values are none."""

from __future__ import annotations

import re

# DB_PASSWORD, RABBITMQ_DEFAULT_PASS, AWS_SECRET_ACCESS_KEY, SECRET_KEY_BASE, NPM_TOKEN_DEV; not KEYBOARD, PWD, and not
# what is about one: TOKEN_FILE, PASSWORD_RESET_TIMEOUT, AWS_ACCESS_KEY_ID, PUSHER_APP_KEY
_SECRET = re.compile(
    r"(?:^|_)((?:pg)?(?:password|passwd|pass|passphrase)|secret|token|credentials?|apikey"
    r"|(?:api|access|private|secret|master|signing|encryption|jwt|fernet)_?key|\w+_pwd)"
    r"(_(base|value|arg|key|default|dev|development|test|staging|prod|production|live|local|main|old|new|root|admin"
    r"|user|db|database|github|gitlab|npm|\d+)|\d+)*$|^(?:neo4j_auth|app_key)$"
)
# https://user:password@host, postgres://:password@host
_LOGIN = re.compile(r"://[^/@\s]+@")
# What is compiled into a web page is read by everybody.
_PUBLIC = re.compile(r"(^|_)(public|publishable|site)(_|$)|^(vite|react_app|vue_app|gatsby)_")
# true, none, dummy, not-a-secret, /run/secrets/db, op://vault/item, arn:aws:secretsmanager:..., <your token>
_NO_SECRET = re.compile(
    r"|0|1|true|false|yes|no|on|off|none|null|.*(dummy|placeholder|fake|unused|not[-_ ]?(a[-_ ])?secret).*"
    r"|(/|\./|(op|vault|arn|aws\w*|gcp\w*|ssm|file):|\{\{|<).*",
    re.IGNORECASE,
)


def names_secret(name: str) -> bool:
    """Whether the value of a variable or argument of this name is a secret; `-` and `.` count as `_`."""
    lower = re.sub(r"\W", "_", name.lower())
    return _SECRET.search(lower) is not None and _PUBLIC.search(lower) is None


def is_no_secret(value: str) -> bool:
    """Whether a value, its quotes taken away, is none after all: empty, a switch, a placeholder, where one is kept."""
    return _NO_SECRET.fullmatch(value) is not None


def without_login(text: str) -> str:
    """A text without the logins of its addresses: https://user:password@host to https://(masked)@host."""
    return _LOGIN.sub("://(masked)@", text)
