"""`docker compose` as a command: which project it is about, and the document that it makes of its files."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from layerproof.engine import ComposeCall, process
from layerproof.engine.documents import each_text
from layerproof.engine.plugins import plugin_command

_CONFIG = ("--profile", "*", "config")
# json: error calling MarshalJSON for type types.SSHKey: Compose 2.40 prints a key of its own for `ssh` as YAML only.
_NOT_AS_JSON = "error calling MarshalJSON"
# env file /home/me/shop/.env.local not found: stat /home/me/shop/.env.local: no such file or directory
_NO_ENV_FILE = re.compile(r"env file .+ not found")


def compose_command(call: ComposeCall, words: Sequence[str]) -> list[str]:
    """The whole command line; relative paths in the files mean the folder of the first one, as for Compose itself."""
    files = [word for file in call.files for word in ("--file", str(file))]
    return [*plugin_command("compose"), "--project-directory", str(call.files[0].parent), *files, *words]


def run_compose(call: ComposeCall, words: Sequence[str]) -> process.Completed:
    """Run it to its end, both streams captured."""
    return process.run(compose_command(call, words), cwd=call.root, environment=call.environment)


def resolve(call: ComposeCall) -> tuple[process.Completed, Mapping[str, Any]]:
    """
    The resolved document, all profiles on; {} where Compose refuses the files.

    An `env_file` that is not there, because it holds what is not committed, stops a container from starting and no
    build: such files are left out then.
    """
    done = run_compose(call, [*_CONFIG, "--format", "json"])
    if done.returncode != 0 and _NO_ENV_FILE.search(done.stderr):
        done = _without_env_files(call, done)
    if done.returncode != 0 and _NOT_AS_JSON in done.stderr:
        done = run_compose(call, [*_CONFIG, "--format", "yaml"])
    if done.returncode != 0:
        return done, {}
    # The printed document can be read as a compose file again, so every $ in it is doubled.
    return done, each_text(_parsed(done.stdout), lambda text: text.replace("$$", "$"))


def _parsed(text: str) -> Any:
    if text.lstrip().startswith("{"):
        return json.loads(text)
    import yaml

    return yaml.safe_load(text)


def _without_env_files(call: ComposeCall, failed: process.Completed) -> process.Completed:
    names = run_compose(call, [*_CONFIG, "--services"])
    if names.returncode != 0:
        return failed
    with tempfile.TemporaryDirectory(prefix="layerproof-") as folder:
        overlay = Path(folder, "overlay.yaml")
        rows = "".join(f"  {json.dumps(name)}:\n    env_file: !reset []\n" for name in names.stdout.split())
        overlay.write_text(f"services:\n{rows}", encoding="utf-8")
        over = ComposeCall(call.root, (*call.files, overlay), call.environment)
        done = run_compose(over, [*_CONFIG, "--format", "json"])
    return done if done.returncode == 0 else failed
