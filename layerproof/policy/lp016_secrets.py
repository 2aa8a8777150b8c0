"""
No secret stands in ARG, ENV or RUN, and no file of secrets is copied.

What an instruction says or copies stays in a layer, in the image's history or in its provenance, and whoever can pull
the image can read it; removing it in a later step changes nothing. A mount of type secret is there for one RUN only.

Bad:
    FROM node:20-slim
    ARG NPM_TOKEN
    COPY .env ./
    RUN npm config set //npm.example.com/:_authToken $NPM_TOKEN && npm ci

Good:
    FROM node:20-slim
    COPY .env.example ./
    RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci

Fix: Give it to the one RUN that needs it with --mount=type=secret, or to the container when it starts. A secret that
was ever built into an image has to be changed.

Source: R8 (.env and other secrets stay out of every image).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from fnmatch import fnmatch

from layerproof.commands import shell_text
from layerproof.dockerfile import context_sources, reachable_stages
from layerproof.model import Instruction
from layerproof.policy import Breach, BuildSubject
from layerproof.secret_names import is_no_secret, names_secret, secret_in, secret_in_command

_RUNNING = ("RUN", "CMD", "ENTRYPOINT", "HEALTHCHECK")
_KEY_FILES = ("*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore")
_FILES = (
    *(".env", ".env.*", ".env[*]", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", ".netrc", "_netrc", ".pypirc"),
    *(".git-credentials", "credentials.json", "service-account*.json", "service_account*.json", "serviceAccount*.json"),
    *("kubeconfig", *_KEY_FILES),
)
# .env.example; ca.pem, fullchain.pem, rds-bundle.pem, docker.gpg.key, truststore.jks: for everybody to read
_HARMLESS = re.compile(
    r"(^|[._-])(example|sample|template|tpl|dist|defaults?|schema|ca|cacerts?|certs?|certificates?|chain|fullchain|bundle"
    r"|pub|public|root|trust|truststore|dhparams?|gpg|apt|repo|release|archive|keyring|debug)([._-]|$)|signing"
)
_FOLDERS = (".ssh", ".aws", ".gnupg", ".kube")
_HARMLESS_IN_FOLDERS = ("known_hosts", "config", "authorized_keys", "*.pub")
_KEYRINGS = ("/etc/apt/", "/etc/pki/rpm-gpg", "/etc/apk/keys", "/usr/share/keyrings")


def check(subject: BuildSubject) -> Iterator[Breach]:
    """Each name, value and file that is a secret; never its value."""
    image = subject.image
    for stage in reachable_stages(image.dockerfile, image.target, contexts=image.contexts):
        for instruction in stage.instructions:
            told = list(_told(instruction, subject.files.get(image.context, ())))
            yield from ((instruction.line, message) for message in told)
            found = secret_in_command(shell_text(instruction)) if instruction.keyword in _RUNNING else ""
            if not told and (found := found or secret_in(instruction.text)):
                yield instruction.line, f"{instruction.keyword} holds {found}, which stays in the image"


def _told(instruction: Instruction, files: Collection[str]) -> Iterator[str]:
    """What names alone say of an instruction."""
    if instruction.keyword == "ARG":
        for word in instruction.values:
            name, _, default = word.partition("=")
            if names_secret(name) and (not default or not is_no_secret(default.strip("\"'"))):
                yield f"ARG {name} names a secret: its value stays in the image's history and provenance"
    if instruction.keyword == "ENV":
        for name, value in zip(instruction.values[::2], instruction.values[1::2], strict=False):
            plain = value.strip("\"'")
            if names_secret(name) and not is_no_secret(plain):
                yield f"ENV {name} names a secret: its value stays in the image"
    target = "".join(instruction.values[-1:])
    if instruction.keyword in ("COPY", "ADD") and not target.startswith(_KEYRINGS):
        for source in context_sources(instruction):
            hit = [path for path in _matching(source, files) if _is_secret_file(path)]
            if hit:
                yield f"{instruction.keyword} of {hit[0]}: a file of secrets stays in the image"


def _matching(source: str, files: Collection[str]) -> list[str]:
    """A source and, where it has wildcards, the files of the context that it names."""
    pattern = source.removeprefix("./").lstrip("/")
    return [source, *(path for path in files if fnmatch(path, pattern))] if re.search(r"[*?[]", source) else [source]


def _is_secret_file(source: str) -> bool:
    *folders, name = source.rstrip("/").split("/")
    if name in _FOLDERS or (folders and folders[-1] in _FOLDERS):
        in_config = (name, folders[-1:]) == ("config", [".kube"])
        return in_config or not any(fnmatch(name, pattern) for pattern in _HARMLESS_IN_FOLDERS)
    if (name, folders[-1:]) == ("config.json", [".docker"]):
        return True
    if not any(fnmatch(name, pattern) for pattern in _FILES):
        return False
    words = name.lower().lstrip(".")
    is_private = name.endswith(".pem") and re.search(r"priv|key", words) is not None
    return is_private or not (_HARMLESS.search(words) and name.startswith((".env", *_stems(name))))


def _stems(name: str) -> tuple[str, ...]:
    """A key file may be a public one by its name; the other files are secrets whatever they are called."""
    return (name,) if any(fnmatch(name, pattern) for pattern in _KEY_FILES) else ()
