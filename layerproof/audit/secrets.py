"""Keys, tokens and passwords that stand in a file or in an image's configuration."""

from __future__ import annotations

import codecs
import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from layerproof.audit.origins import is_of_dependency
from layerproof.secret_names import is_no_secret, names_secret, secret_in

# No expression here may try the same text again and again: a file of an image can be anything.
# With its body: the first line alone stands in many programs that read keys. As it is, or inside JSON.
_PRIVATE_KEY = re.compile(
    rb"-----BEGIN (?:[A-Z0-9]{1,16} ){0,4}PRIVATE KEY(?: BLOCK)?-----(?:\s|\\n|\\r){1,8}"
    rb"(?:[\w-]{1,64}: [^\n\\]{0,256}(?:\n|\\n)){0,8}(?:\s|\\n|\\r){0,8}[A-Za-z0-9+/=]{16}"
)
# What has to stand in a text before the expression for it is tried.
_TOKENS: tuple[tuple[tuple[bytes, ...], re.Pattern[bytes], str], ...] = (
    (
        (b"PuTTY-User-Key-File-",),
        re.compile(rb"^PuTTY-User-Key-File-[23]: [\w@.-]{1,64}\r?\nEncryption: ", re.MULTILINE),
        "a PuTTY private key",
    ),
    ((b"AGE-SECRET-KEY-1",), re.compile(rb"\bAGE-SECRET-KEY-1[0-9A-Z]{50}"), "an age private key"),
    ((b"AKIA", b"ASIA"), re.compile(rb"\b(?:AKIA|ASIA)(?!\w*EXAMPLE)[0-9A-Z]{16}\b"), "an AWS access key"),
    ((b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"), re.compile(rb"\bgh[pousr]_[A-Za-z0-9]{36,}"), "a GitHub token"),
    ((b"github_pat_",), re.compile(rb"\bgithub_pat_\w{36,}"), "a GitHub token"),
    ((b"glpat-",), re.compile(rb"\bglpat-[\w-]{20,}"), "a GitLab token"),
    ((b"npm_",), re.compile(rb"\bnpm_[A-Za-z0-9]{36}\b"), "an npm token"),
    ((b"xox",), re.compile(rb"\bxox[baprs]-[0-9A-Za-z-]{20,}"), "a Slack token"),
    ((b"k_live_",), re.compile(rb"\b[sr]k_live_\w{16,}"), "a Stripe key"),
    ((b"hf_",), re.compile(rb"\bhf_[A-Za-z0-9]{34}\b"), "a Hugging Face token"),
    ((b"sk-proj-",), re.compile(rb"\bsk-proj-[\w-]{40,}"), "an OpenAI key"),
    ((b"sk-ant-",), re.compile(rb"\bsk-ant-\w{2,8}-[\w-]{40,}"), "an Anthropic key"),
    ((b"pypi-AgE",), re.compile(rb"\bpypi-AgE[\w-]{50,}"), "a PyPI token"),
    ((b"dckr_pat_",), re.compile(rb"\bdckr_pat_[\w-]{20,}"), "a Docker Hub token"),
    ((b"SG.",), re.compile(rb"\bSG\.[\w-]{22}\.[\w-]{43}\b"), "a SendGrid key"),
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
    (re.compile(r"(^|/)\.m2/settings\.xml$"), re.compile(rb"<password>\s*[^\s<${]"), "a Maven login"),
    (
        re.compile(r"(^|/)nuget\.config$", re.IGNORECASE),
        re.compile(rb"key=\"ClearTextPassword\"\s+value=\"[^%\"]"),
        "a NuGet login",
    ),
    (
        re.compile(r"(^|/)\.bundle/config$"),
        # A host, its dots written as two underscores: BUNDLE_GEMS__EXAMPLE__COM: "me:hunter2"
        re.compile(rb"^BUNDLE_(?=\w{1,128}__)\w{1,256}: \"?(?!https?:)[^\s:\"]{1,256}:[^\s\"]", re.MULTILINE),
        "a login for gems",
    ),
    (
        re.compile(r"(^|/)auth\.json$"),
        re.compile(rb"\"(?:password|[\w.-]+\.(?:com|org|net|io))\"\s*:\s*\"[^\s\"$]{8,}\""),
        "a login for packages",
    ),
    (re.compile(r"(^|/)[^/]*\.(p12|pfx|jks|keystore)$"), re.compile(rb"\A(\xfe\xed\xfe\xed|\x30\x82)"), "a key store"),
)
# The classic builder writes what stands before it.
_SETS_ENVIRONMENT = re.compile(r"(/bin/sh -c #\(nop\)\s+)?ENV ")
_PUBLIC_STORE = re.compile(r"cacerts|trust", re.IGNORECASE)
# .env, .env.production, prod.env; not .env.example
_ENVIRONMENT = re.compile(r"(^|/)(\.env(\.[\w.-]+)?|[\w-]+\.env)$")
_SAMPLE = re.compile(r"[._-](example|sample|template|tpl|dist|defaults?|schema|test|ci)\b")
_ASSIGNMENT = re.compile(rb"^[ \t]*(?:export[ \t]+)?([A-Za-z_][\w.-]*)[ \t]*=([^\n]*)$", re.MULTILINE)
# What a team keeps the settings of an application in.
_SETTINGS = re.compile(
    r"(^|/)((application|bootstrap)(-[\w.-]+)?\.(properties|ya?ml)|appsettings(\.[\w-]+)?\.json|local\.settings\.json"
    r"|(secrets?|credentials?)\.(json|ya?ml|toml|ini|properties)|database\.ya?ml|wp-config\.php|[\w-]*settings[\w-]*\.py"
    r"|settings/\w+\.py)$"
)
_REMARK = re.compile(rb"^[ \t]*(?:#|//|;|\*).*$", re.MULTILINE)
# password: hunter2; "Password": "hunter2"; ;Password=hunter2
_PAIR = re.compile(rb"(?<![\w.-])([A-Za-z_][\w.-]{0,64})[\"']?[ \t]*[:=][ \t]*([\"']?)([^\s\"'#;,]{4,256})")
_DEFINED = re.compile(rb"define\(\s*[\"'](\w+)[\"']\s*,\s*([\"'])([^\"']{4,256})")
_COMPUTED = re.compile(r"[$({\[<%]")
# postgres://app:hunter2@db.internal/app; an expression of another language is none
_ADDRESS = re.compile(rb"\w://[^\s:/@$\"'{}`<>*\\()|]{0,256}:([^\s:/@$\"'{}`<>*\\()|]{4,256})@([\w.-]+)")
# What stands for a password where an address is explained: dotenv, which is bundled, has key_1234.
_EXAMPLE = re.compile(r"(my[-_]?)?(pass|passw(or)?d|pwd|secret|token|user(name)?|example|key_\d+|[x.]+)", re.IGNORECASE)
# What only this container reaches.
_HERE = re.compile(rb"localhost|127\..*|0\.0\.0\.0")
# |2 NPM_TOKEN=abc MODE=fast /bin/sh -c npm ci
_WORD = re.compile(r"\b([A-Za-z_]\w*)=(\"[^\"]*\"|'[^']*'|\S+)")


def secret_of(path: str, data: bytes) -> str:
    """What kind of secret a file holds; "" for none."""
    if b"PRIVATE KEY" in data and _PRIVATE_KEY.search(data):
        return "a private key"
    for parts, pattern, what in _TOKENS:
        if any(part in data for part in parts) and pattern.search(data):
            return what
    for named, pattern, what in _FILES:
        if named.search(path) and pattern.search(data) and not _PUBLIC_STORE.search(posixpath.basename(path)):
            return what
    if _ENVIRONMENT.search(path) and not _SAMPLE.search(posixpath.basename(path)):
        return _of_environment(data.removeprefix(codecs.BOM_UTF8), always=posixpath.basename(path) == ".env")
    return "" if is_of_dependency(path) or b"\0" in data[:8192] else _of_own_text(path, data)


def secrets_in_config(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Where in an image's configuration a secret stands, and what it is; never its value."""
    settings = config.get("config") or {}
    told = set[str]()
    for item in settings.get("Env") or ():
        name, _, value = str(item).partition("=")
        if names_secret(name) and not is_no_secret(value):
            yield f"ENV {name}", "the value of a secret, by its name"
        elif what := secret_in(value):
            yield f"ENV {name}", what
        else:
            continue
        told.add(name)
    for entry in config.get("history") or ():
        text = str(entry.get("created_by") or "")
        words = _WORD.findall(text)
        if _SETS_ENVIRONMENT.match(text):  # what is still set has been told
            words = [(name, value) for name, value in words if name not in told]
            text = " ".join(value for _, value in words)
        named = [name for name, value in words if _is_given(name, value)]
        for name in named:
            yield f"history: {name}", "the value of a secret, by its name"
        if not named and (what := secret_in(text)):
            yield "history", what


def _is_given(name: str, value: str) -> bool:
    return names_secret(name) and not is_no_secret(value.strip("\"'")) and "$" not in value


def _of_own_text(path: str, data: bytes) -> str:
    """Of a text that a team has written itself: a login in an address, and what the settings of an application name."""
    if _SAMPLE.search(posixpath.basename(path)):
        return ""
    for value, host in _ADDRESS.findall(data):
        if not _is_example(value.decode("utf-8", "replace")) and not _HERE.fullmatch(host):
            return "a password in an address"
    if _SETTINGS.search(path):
        pairs = _DEFINED if path.endswith(".php") else _PAIR
        for name, quote, value in pairs.findall(_REMARK.sub(b"", data)):
            plain = value.decode("utf-8", "replace")
            is_literal = (quote or not path.endswith(".py")) and not _COMPUTED.search(plain)
            if is_literal and names_secret(name.decode()) and not _is_example(plain):
                return f"settings with {name.decode()}"
    return ""


def _is_example(value: str) -> bool:
    return is_no_secret(value) or _EXAMPLE.fullmatch(value) is not None


def _of_environment(data: bytes, *, always: bool) -> str:
    """Of the file that a team keeps its secrets in, any setting; of others those that are secrets by their names."""
    settings = _ASSIGNMENT.findall(data)
    for name, value in settings:
        plain = value.decode("utf-8", "replace").strip().strip("\"'")
        if (names_secret(name.decode()) and not is_no_secret(plain)) or secret_in(plain):
            return f"an environment file with {name.decode()}"
    return "an environment file" if settings and always else ""
