"""What a `build` of the compose file says beside its files and arguments, as a bake target has it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# compose build key -> bake target key, where the values have the same shape.
_BAKE_KEYS = {
    "labels": "labels",
    "network": "network",
    "cache_from": "cache-from",
    "cache_to": "cache-to",
    "shm_size": "shm-size",
    "entitlements": "entitlements",
    "tags": "tags",
    "no_cache": "no-cache",
    "pull": "pull",
}


def bake_options(build: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a bake target that a service's `build` has, but for its platforms; `document` has the secrets."""
    options = {bake: build[key] for key, bake in _BAKE_KEYS.items() if build.get(key)}
    if build.get("ssh"):
        # "default", and "k: /tmp/k" as Compose prints a key of its own
        options["ssh"] = [re.sub(r":\s", "=", str(entry), count=1) for entry in build["ssh"]]
    if build.get("extra_hosts"):
        # ["name=address"] in the resolved document; a name may have several
        hosts: dict[str, list[str]] = {}
        for name, _, address in (entry.partition("=") for entry in build["extra_hosts"]):
            hosts.setdefault(name, []).append(address)
        options["extra-hosts"] = {name: ",".join(addresses) for name, addresses in hosts.items()}
    if build.get("privileged"):
        options["entitlements"] = [*options.get("entitlements", ()), "security.insecure"]
    if build.get("ulimits"):
        options["ulimits"] = [_ulimit(name, value) for name, value in build["ulimits"].items()]
    known = document.get("secrets") or {}
    secrets = [_secret(entry, known.get(entry["source"]) or {}) for entry in build.get("secrets") or ()]
    return {**options, "secret": secrets} if secrets else options


def _ulimit(name: str, value: Any) -> str:
    # nofile: {soft: 1024, hard: 2048}; nproc: 512
    return f"{name}={value['soft']}:{value['hard']}" if isinstance(value, Mapping) else f"{name}={value}"


def _secret(entry: Mapping[str, Any], definition: Mapping[str, Any]) -> str:
    where = f"src={definition['file']}" if "file" in definition else f"env={definition.get('environment', '')}"
    return f"id={entry.get('target') or entry['source']},{where}"
