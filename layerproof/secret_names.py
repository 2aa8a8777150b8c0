"""Which names are those of secrets, which values are none, and which texts are by themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable

# DB_PASSWORD, RABBITMQ_DEFAULT_PASS, AWS_SECRET_ACCESS_KEY, SECRET_KEY_BASE, NPM_TOKEN_DEV, GITHUB_PAT, NPM_AUTH; not
# KEYBOARD, PWD, COMPAT, GLOB_PAT, USE_AUTH, and not what is about one: TOKEN_FILE, PASSWORD_RESET_TIMEOUT,
# AWS_ACCESS_KEY_ID, PUSHER_APP_KEY
_SECRET = re.compile(
    r"(?:^|_)((?:pg)?(?:password|passwd|pass|passphrase)|secret|(?:access|auth|api)?token|credentials?|apikey"
    r"|(?:api|access|private|secret|master|signing|encryption|jwt|fernet|ssh|deploy)_?key|\w+_pwd"
    r"|(?:git|github|gh|ghcr|gitlab|gl|nuget|npm|azure|azdo|ado|azp|vsts|feed|devops|registry|packages|access)_pat"
    r"|(?:npm|composer|nuget|registry|artifactory|nexus|docker)_auth)"
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

# What a text itself shows to be a secret, and what that is called.
_LITERALS = {
    # AKIA0123456789ABCDEF
    "an AWS access key": r"\b(AKIA|ASIA)(?!\w*EXAMPLE)[0-9A-Z]{16}\b",
    "a GitHub token": r"\b(gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{16,})",
    "a GitLab token": r"\bglpat-[\w-]{16,}",
    "an npm token": r"\bnpm_[A-Za-z0-9]{30,}|:?_(authToken|auth|password)[\s=]+[\"']?[A-Za-z0-9][\w+/=-]{7,}",
    "a Slack token": r"\bxox[baprs]-[\w-]{10,}",
    "a Stripe key": r"\b[sr]k_live_\w{10,}",
    # a grep for the line is none
    "a private key": r"(?<!grep )(?<!grep -q )[\"']?-----BEGIN ([A-Z]+ )*PRIVATE KEY-----",
    # https://user:hunter2@example.com, not https://user:$PASSWORD@, not the password of something in this container
    "a password in an address": (
        r"(?<!docker-image)://[^\s:/@$\"'{`<]*:(?!x-oauth-basic|dummy|placeholder)[^\s:/@$\"'{}`<>*\\]+"
        r"@(?!localhost|127\.|0\.0\.0\.0|sha256:)"
    ),
    # curl -u admin:hunter2 https://example.com
    "a password for curl": r"\bcurl\b[^|;&\n]*\s(?:-u|--user)[ =]?[^\s:$\"'{`<]+:[^\s$\"'{`<]{4,}",
    "a Slack webhook": r"hooks\.slack\.com/services/T\w{6,}/B\w{6,}/\w{16,}",
    # Authorization: Bearer 0123abcd
    "an Authorization header": r"Authorization:\s*(Bearer|Basic|token)\s+[A-Za-z0-9][\w.+/=-]{7,}",
}
# What follows a flag or a name: not a variable, a substitution, the next flag or where it is kept.
_WORD = r"[ =]+[\"']?(?P<value>[^\s\"'$`<>{}|;&-][^\s\"'$`<>{}|;&]{3,})(?![$`{])"
_ONE_COMMAND = r"[^|;&\n]*?\s"
# A password among the words of a command, and what that is called; compiled when it is first looked for.
_COMMANDS = {
    # --requirepass hunter2, --auth.token=hunter2; not --password-file x, --disabled-password app
    "a password behind a flag": (
        r"(?<!\S)--(?!(?:no|skip|without|disabled?|allow|empty|random|generate|ask|prompt)-)(?:[\w.-]+[-._])?"
        rf"(?:password|passwd|pass|passphrase|requirepass|masterauth|token|api-?key|secret-?key){_WORD}"
    ),
    # redis-cli -h cache -a hunter2
    "a password for Redis": rf"\b(?:redis|valkey|keydb)-cli\b{_ONE_COMMAND}-a{_WORD}",
    # mysqladmin -uroot -phunter2
    "a password for MySQL": (
        r"\b(?:mysql(?:admin|dump|check|show|import)?|mariadb(?:-admin|-dump|-check)?)\s(?:[^|;&\n]*?\s)?"
        r"-p(?P<value>[^\s\"'$`<>{}|;&]{4,})(?![$`{])"
    ),
    # mongosh -u root -p hunter2
    "a password for MongoDB": rf"\bmongo(?:sh|dump|restore|export|import)?\b{_ONE_COMMAND}-p{_WORD}",
    # docker login -u me -p hunter2 registry.example
    "a password for a registry": (
        rf"\b(?:docker|podman|buildah|skopeo|helm|oras|crane)\b{_ONE_COMMAND}login{_ONE_COMMAND}-p{_WORD}"
    ),
    # machine github.com login me password hunter2
    "a password for a machine": rf"\bmachine\s+\S+\s+login\s+\S+\s+password{_WORD}",
    "a password for ssh": rf"\bsshpass\s+-p{_WORD.replace('[ =]+', ' *')}",
    # echo 'root:hunter2' | chpasswd; of chpasswd -e it is a hash
    "a password of a user": (
        r"\b(?:echo|printf)\s+(?:-\w+\s+)*[\"']?[\w.-]+:(?P<value>[^\s\"'$`|:]+)[\"']?\s*\|"
        r"\s*(?:sudo\s+)?(?:/\S*/)?chpasswd\b(?!\s+(?:-e|--encrypted))"
    ),
}
# export DB_PASSWORD=hunter2, -e DB_PASSWORD=hunter2
_SET = re.compile(r"(?:^|(?<=[\s;&|(\"']))(?P<name>[A-Za-z_]\w*)=[\"']?(?P<value>[^\s\"'$`;&|()]+)(?![$`])")
# hunter2hunter2; a program that only wants to see something is given words
_LIKE_A_SECRET = re.compile(r"(?=.*\d)(?=.*[A-Za-z]).{8,}")
_STAND_IN = re.compile(r"build|temp|tmp|test|example|change|static|ignore|local|sample|default|mock", re.IGNORECASE)
_FOUND = {name: re.compile(expression) for name, expression in _LITERALS.items()}


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


def secret_in(text: str) -> str:
    """What kind of secret stands in a text, such as `an AWS access key`; "" for none that shows by itself."""
    return next((name for name, expression in _FOUND.items() if expression.search(text)), "")


def secret_in_command(text: str) -> str:
    """
    What kind of secret stands literally among the words of a shell text; "" for none.

    What is set for one command (`SECRET_KEY=x rake assets:precompile`) has to look like a secret, and not like the
    stand-in that such a build is given.
    """
    for name, expression in _COMMANDS.items():
        if any(not is_no_secret(found["value"]) for found in re.finditer(expression, text)):
            return name
    for found in _SET.finditer(text):
        likely = _LIKE_A_SECRET.fullmatch(found["value"]) and not _STAND_IN.search(found["value"])
        if likely and names_secret(found["name"]) and not is_no_secret(found["value"]):
            return f"a value for {found['name']}"
    return secret_in(text)


def without_secrets(text: str, values: Iterable[str] = ()) -> str:
    """A text without these values, without what shows by itself to be a secret, and without logins."""
    text = without_login(text)
    for value in values:
        text = text.replace(value, "(masked)")
    for expression in _FOUND.values():
        text = expression.sub("(masked)", text)
    return text
