"""Keys, tokens and passwords that stand in a file or in an image's configuration."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from layerproof.secret_names import is_no_secret, names_secret, secret_in

# No expression here may try the same text again and again: a file of an image can be anything.
# With its body: the first line alone stands in many programs that read keys. As it is, or inside JSON.
_PRIVATE_KEY = re.compile(
    rb"-----BEGIN (?:[A-Z0-9]{1,16} ){0,4}PRIVATE KEY(?: BLOCK)?-----(?:\s|\\n|\\r){1,8}"
    rb"(?:[\w-]{1,64}: [^\n\\]{0,256}(?:\n|\\n)){0,8}(?:\s|\\n|\\r){0,8}[A-Za-z0-9+/=]{16}"
)
_KEYS: Mapping[bytes, str] = {
    b"PuTTY-User-Key-File-": "a PuTTY private key",
    b"AGE-SECRET-KEY-1": "an age private key",
}
# What has to stand in a text before the expression for it is tried.
_TOKENS: tuple[tuple[tuple[bytes, ...], re.Pattern[bytes], str], ...] = (
    ((b"AKIA", b"ASIA"), re.compile(rb"\b(?:AKIA|ASIA)(?!\w*EXAMPLE)[0-9A-Z]{16}\b"), "an AWS access key"),
    ((b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"), re.compile(rb"\bgh[pousr]_[A-Za-z0-9]{36,}"), "a GitHub token"),
    ((b"github_pat_",), re.compile(rb"\bgithub_pat_\w{36,}"), "a GitHub token"),
    ((b"glpat-",), re.compile(rb"\bglpat-[\w-]{20,}"), "a GitLab token"),
    ((b"npm_",), re.compile(rb"\bnpm_[A-Za-z0-9]{36}\b"), "an npm token"),
    ((b"xox",), re.compile(rb"\bxox[baprs]-[0-9A-Za-z-]{20,}"), "a Slack token"),
    ((b"k_live_",), re.compile(rb"\b[sr]k_live_\w{16,}"), "a Stripe key"),
)
# A file of this name, and what in it is the secret.
_FILES: tuple[tuple[re.Pattern[str], re.Pattern[bytes], str], ...] = (
    (
        re.compile(r"(^|/)\.?npmrc$"),
        re.compile(rb"_(authToken|auth|password)\s*=\s*[\"']?[^\s$\"'{]{8,}"),
        "an npm login",
    ),
    (re.compile(r"(^|/)[._]netrc$"), re.compile(rb"\bpassword\s+\S+"), "a login"),
    (re.compile(r"(^|/)\.pypirc$"), re.compile(rb"^[ \t]*password[ \t]*[:=][ \t]*\S", re.MULTILINE), "a PyPI login"),
    (re.compile(r"(^|/)\.?pip\.conf$"), re.compile(rb"://[^\s:/@$]{1,256}:[^\s@$]{1,256}@"), "a login for an index"),
    (re.compile(r"(^|/)\.git-credentials$"), re.compile(rb"://[^\s:/@]{1,256}:[^\s@]{1,256}@"), "a Git login"),
    (re.compile(r"(^|/)\.docker/config\.json$"), re.compile(rb"\"auth\"\s*:\s*\"[\w+/=]{8,}\""), "a registry login"),
    (re.compile(r"(^|/)\.aws/credentials$"), re.compile(rb"aws_secret_access_key\s*=\s*\S{16,}"), "an AWS secret key"),
    (
        re.compile(r"(^|/)(\.kube/config|kubeconfig)$"),
        re.compile(rb"(client-key-data|token):\s*\S{8,}"),
        "a Kubernetes login",
    ),
    (re.compile(r"(^|/)\.(pgpass|my\.cnf)$"), re.compile(rb"\S"), "a database login"),
    (re.compile(r"(^|/)[^/]*\.(p12|pfx|jks|keystore)$"), re.compile(rb"\A(\xfe\xed\xfe\xed|\x30\x82)"), "a key store"),
)
_PUBLIC_STORE = re.compile(r"cacerts|trust", re.IGNORECASE)
# .env, .env.production, prod.env; not .env.example
_ENVIRONMENT = re.compile(r"(^|/)(\.env(\.[\w.-]+)?|[\w-]+\.env)$")
_SAMPLE = re.compile(r"[._-](example|sample|template|tpl|dist|defaults?|schema|test|ci)\b")
_ASSIGNMENT = re.compile(rb"^[ \t]*(?:export[ \t]+)?([A-Za-z_][\w.-]*)[ \t]*=([^\n]*)$", re.MULTILINE)
# |2 NPM_TOKEN=abc MODE=fast /bin/sh -c npm ci
_WORD = re.compile(r"\b([A-Za-z_]\w*)=(\"[^\"]*\"|'[^']*'|\S+)")


def secret_of(path: str, data: bytes) -> str:
    """What kind of secret a file holds; "" for none."""
    if b"PRIVATE KEY" in data and _PRIVATE_KEY.search(data):
        return "a private key"
    for begin, what in _KEYS.items():
        if begin in data:
            return what
    for parts, pattern, what in _TOKENS:
        if any(part in data for part in parts) and pattern.search(data):
            return what
    for named, pattern, what in _FILES:
        if named.search(path) and pattern.search(data) and not _PUBLIC_STORE.search(posixpath.basename(path)):
            return what
    if _ENVIRONMENT.search(path) and not _SAMPLE.search(posixpath.basename(path)):
        return _of_environment(data, always=posixpath.basename(path) == ".env")
    return ""


def secrets_in_config(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Where in an image's configuration a secret stands, and what it is; never its value."""
    settings = config.get("config") or {}
    for item in settings.get("Env") or ():
        name, _, value = str(item).partition("=")
        if names_secret(name) and not is_no_secret(value):
            yield f"ENV {name}", "the value of a secret, by its name"
        elif what := secret_in(value):
            yield f"ENV {name}", what
    for entry in config.get("history") or ():
        text = str(entry.get("created_by") or "")
        if text.startswith("ENV "):  # its value is in Env, or was overwritten there
            continue
        told = False
        for name, value in _WORD.findall(text):
            if names_secret(name) and not is_no_secret(value.strip("\"'")) and "$" not in value:
                told = True
                yield f"history: {name}", "the value of a secret, by its name"
        if not told and (what := secret_in(text)):
            yield "history", what


def _of_environment(data: bytes, *, always: bool) -> str:
    """Of the file that a team keeps its secrets in, any setting; of others those that are secrets by their names."""
    settings = _ASSIGNMENT.findall(data)
    for name, value in settings:
        plain = value.decode("utf-8", "replace").strip().strip("\"'")
        if (names_secret(name.decode()) and not is_no_secret(plain)) or secret_in(plain):
            return f"an environment file with {name.decode()}"
    return "an environment file" if settings and always else ""
