"""The real engine, through the docker CLI: python-on-whales for info, inspect and compose, `process` for the rest."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from layerproof.engine import (
    MIN_BUILDX,
    MIN_COMPOSE,
    BakeResult,
    CommandResult,
    ComposeCall,
    Container,
    EngineInfo,
    ImageInfo,
    LineSink,
    PastBuild,
    PastBuildDetails,
    T,
    parse_version,
    process,
)
from layerproof.engine.ahead import Ahead
from layerproof.engine.baking import Bake, allowances, bake_environment
from layerproof.engine.composing import compose_command, resolve, run_compose
from layerproof.engine.documents import folder_of, image_info, marked_records, past_build
from layerproof.errors import AuditError, BuildError, ConfigError, NoEngineError, StackError, UsageError
from layerproof.references import normalize_reference

if TYPE_CHECKING:
    from python_on_whales import DockerClient

PULL_TIMEOUT_S = 600.0
MIN_MARKER = 16
PRUNED_AT_ONCE = 100
INSTALL_HINT = (
    "Run `inv doctor --install` (Debian and Ubuntu, as root), or follow https://docs.docker.com/engine/install/ ; "
    "if the daemon is installed but stopped, start it: `sudo systemctl start docker`."
)


class DockerEngine:
    """
    Talks to whatever the docker CLI talks to (DOCKER_HOST and contexts hold).

    Args:
        builder: a buildx builder by name; None for the current one.
    """

    def __init__(self, *, builder: str | None = None) -> None:
        self.builder = builder
        self._ahead = Ahead()
        self._begun: Bake | None = None

    def info(self) -> EngineInfo:
        from python_on_whales.exceptions import DockerException

        buildx, compose = plugin_versions()
        try:
            info = _client().info()
        except DockerException as error:
            raise _no_engine(error.stderr or "") from error
        if not info.server_version:
            raise _no_engine("; ".join(getattr(info, "server_errors", None) or []))
        # DiscoveredDevices (CDI) is newer than python-on-whales' model of `docker info`.
        raw = process.run(["docker", "info", "--format", "{{json .DiscoveredDevices}}"]).stdout
        runtimes = " ".join(info.runtimes or {})
        return EngineInfo(
            server=info.server_version,
            buildx=buildx,
            compose=compose,
            nvidia="nvidia" in runtimes or "nvidia.com/gpu" in raw,
            storage=info.driver or "",
            data_root=str(info.docker_root_dir or ""),
        )

    def ask_compose_config(self, call: ComposeCall) -> None:
        self._ahead.begin(("compose", call), lambda: resolve(call))

    def compose_config(self, call: ComposeCall) -> Mapping[str, Any]:
        done, document = self._ahead.answer(("compose", call), lambda: resolve(call))
        if done.returncode != 0:
            plugin_versions()
            files = ", ".join(str(file) for file in call.files)
            raise ConfigError(
                f"{files}: {done.tail()}", hint=f"Check it with: docker compose -f {call.files[0]} config"
            )
        return document

    def begin_bake(self) -> None:
        with suppress(OSError):  # `bake` tells why
            self._begun = Bake((*allowances({}), *self._builder()))

    def bake(self, definition: Mapping[str, Any], *, targets: Sequence[str], on_line: LineSink) -> BakeResult:
        options = (*allowances(definition), *self._builder())
        begun, self._begun = self._begun, None
        try:
            bake = begun if begun and begun.options == options else Bake(options)
        except FileNotFoundError as error:
            raise NoEngineError("the docker CLI is missing", hint=INSTALL_HINT) from error
        del begun  # one for other options has no more to wait for
        done = bake.run(definition, targets=targets, on_line=on_line)
        if done.returncode != 0:
            if not any(line.startswith("{") for line in done.lines):
                raise_for_missing_engine("".join(done.lines))
                self._raise_for_missing_builder("".join(done.lines))
                plugin_versions()
            _raise_for_cache_export(done.lines)
        return done

    def _raise_for_missing_builder(self, stderr: str) -> None:
        # ERROR: no builder "ci" found; ERROR: use `docker --context=ci buildx` to switch to context "ci"
        if self.builder and (f'no builder "{self.builder}"' in stderr or "to switch to context" in stderr):
            raise UsageError(
                f"there is no builder {self.builder!r} here: {stderr.strip().splitlines()[-1]}",
                hint="docker buildx ls shows the builders; that of a docker context is reached with DOCKER_CONTEXT.",
            )

    def lint(self, definition: Mapping[str, Any]) -> Mapping[str, Any]:
        words = ["buildx", "bake", "--file", "-", *allowances(definition), "--call", "check,format=json"]
        words += self._builder()
        done = process.run(["docker", *words], stdin=json.dumps(definition), environment=bake_environment())
        # Exit code 1 means findings; without a document nothing was checked.
        if not done.stdout.lstrip().startswith("{"):
            raise_for_missing_engine(done.stderr)
            raise BuildError(
                f"BuildKit's checks did not run: {done.tail()}", hint="Are the upstream images there? inv lab"
            )
        targets: Mapping[str, Any] = json.loads(done.stdout).get("target") or {}
        return targets

    def current_builder(self) -> str:
        # "Name:          default"
        done = process.run(["docker", "buildx", "inspect", *([self.builder] if self.builder else [])])
        if done.returncode != 0:
            raise_for_missing_engine(done.stderr)
            self._raise_for_missing_builder(done.stderr)
            raise StackError(f"docker buildx inspect failed: {done.tail(1)}")
        shown = done.stdout.splitlines()
        return next((line.partition(":")[2].strip() for line in shown if line.startswith("Name:")), "")

    def history(self, folders: Collection[str], dockerfiles: Collection[str] = ()) -> Iterator[PastBuild]:
        listed = process.run(["docker", "buildx", "history", "ls", *self._builder(), "--format", "json"])
        if listed.returncode != 0:
            raise_for_missing_engine(listed.stderr)
            raise StackError(
                f"docker buildx history ls failed: {listed.tail(1)}", hint="The history needs buildx 0.24 or newer."
            )
        for entry in (json.loads(line) for line in listed.stdout.splitlines() if line.startswith("{")):
            name = folder_of(str(entry["name"]), folders, dockerfiles)
            if not name:
                continue
            reference = str(entry["ref"]).rpartition("/")[2]
            done = process.run(
                ["docker", "buildx", "history", "inspect", reference, *self._builder(), "--format", "json"]
            )
            if done.returncode == 0:  # it may have been dropped since it was listed
                yield past_build(reference, name, json.loads(done.stdout))

    def past_build(self, reference: str) -> PastBuildDetails:
        command = ["docker", "buildx", "history"]
        words = ["inspect", "attachment", reference, *self._builder(), "--type", "https://slsa.dev/provenance/v0.2"]
        provenance = process.run([*command, *words])
        logs = process.run([*command, "logs", reference, *self._builder(), "--progress", "rawjson"])
        return PastBuildDetails(
            provenance=json.loads(provenance.stdout) if provenance.returncode == 0 else {},
            lines=tuple((logs.stdout + logs.stderr).splitlines()),
        )

    def _builder(self) -> list[str]:
        return ["--builder", self.builder] if self.builder else []

    def ask_images(self, references: Collection[str]) -> None:
        self._ahead.begin(("images", frozenset(references)), lambda: _inspect(references))

    def images(self, references: Collection[str] = ()) -> Mapping[str, ImageInfo]:
        return self._ahead.answer(("images", frozenset(references)), lambda: _inspect(references))

    def export(self, references: Collection[str], read: Callable[[IO[bytes]], T]) -> T:
        result, done = process.read_output(["docker", "image", "save", *references], read)
        if done.returncode != 0 or result is None:
            raise_for_missing_engine(done.stderr)
            raise AuditError(f"docker image save failed: {done.tail(3)}", hint="Is it there? docker image ls")
        return result

    def pull(self, reference: str) -> str:
        done = process.run(["docker", "image", "pull", "--quiet", reference], timeout_s=PULL_TIMEOUT_S)
        return "" if done.returncode == 0 else done.tail(1)

    def remove_images(self, tags: Collection[str]) -> None:
        from python_on_whales.exceptions import DockerException

        try:
            _client().image.remove(list(tags))
        except DockerException as error:
            raise StackError(
                f"an image could not be removed: {(error.stderr or '').strip()}", hint="Stop what uses it: inv down."
            ) from error

    def remove_labelled(self, name: str, value: str, *, untagged_only: bool = False) -> None:
        if not name or not value:
            raise ValueError("without a label this would be every image")
        # An image may vanish in between, or be the parent of another one of them: not an error.
        words = ["image", "ls", "--quiet", "--filter", f"label={name}={value}"]
        words += ["--filter", "dangling=true"] if untagged_only else ["--all"]
        ids = sorted(set(_docker(words).split()))
        if ids:
            process.run(["docker", "image", "rm", "--force", *ids])

    def run(self, command: Sequence[str], *, cwd: Path, environment: Mapping[str, str]) -> CommandResult:
        done = process.run(command, cwd=cwd, environment=environment)
        return CommandResult(done.returncode, tuple((done.stderr or done.stdout).splitlines()))

    def containers(self, call: ComposeCall) -> tuple[Container, ...]:
        done = run_compose(call, ["ps", "--all", "--format", "json"])
        if done.returncode != 0:
            raise_for_missing_engine(done.stderr)
            raise StackError(f"docker compose ps failed: {done.tail()}")
        entries = [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
        return tuple(
            Container(
                entry["Service"],
                entry["Name"],
                entry["State"],
                entry.get("Health") or "",
                int(entry.get("ExitCode") or 0),
            )
            for entry in entries
        )

    def logs(self, call: ComposeCall, service: str) -> str:
        ids = run_compose(call, ["ps", "--all", "--quiet", service]).stdout.split()
        text = []
        for identifier in ids:
            started = _docker(["container", "inspect", "--format", "{{.State.StartedAt}}", identifier]).strip()
            done = process.run(["docker", "container", "logs", "--since", started, identifier])
            text.append(done.stdout + done.stderr)
        return "".join(text)

    def compose(self, call: ComposeCall, words: Sequence[str]) -> int:
        return process.run_on_terminal(compose_command(call, words), cwd=call.root, environment=call.environment)

    def cache_usage(self) -> tuple[Mapping[str, Any], ...]:
        text = _docker(["buildx", "du", *self._builder(), "--format", "json"])
        return tuple(json.loads(line) for line in text.splitlines() if line.startswith("{"))

    def drop_cache(self, marker: str) -> None:
        if len(marker) < MIN_MARKER:
            raise ValueError(f"{marker!r} is too short to be nobody else's")
        identifiers, before = marked_records(self.cache_usage(), marker), sys.maxsize
        # A record goes only after all that stand on it, so one round rarely takes all; what is in use stays.
        while 0 < len(identifiers) < before:
            before = len(identifiers)
            # Without a filter `prune` drops everything, so never without one. buildx takes it as a regular expression.
            for at in range(0, before, PRUNED_AT_ONCE):
                chosen = "|".join(identifiers[at : at + PRUNED_AT_ONCE])
                process.run(["docker", "buildx", "prune", "--force", *self._builder(), "--filter", f"id={chosen}"])
            identifiers = marked_records(self.cache_usage(), marker)

    def prune_cache(self, *, everything: bool, older_than: str) -> str:
        words = ["buildx", "prune", "--force", *self._builder()]
        words += ["--all"] if everything else []
        words += ["--filter", f"until={older_than}"] if older_than else []
        lines = _docker(words).strip().splitlines()
        return lines[-1] if lines else "Total: 0B"


def _inspect(references: Collection[str]) -> Mapping[str, ImageInfo]:
    # Every edit that is built leaves an untagged image behind; inspecting hundreds of them takes most of a second.
    words = ["image", "ls", "--quiet", "--no-trunc", "--filter", "dangling=false"]
    ids = sorted(set(references or _docker(words).split()))
    if not ids:
        return {}
    # One call for all: python-on-whales inspects images one by one. An image may vanish in between: not an error.
    done = process.run(["docker", "image", "inspect", *ids])
    if done.returncode == 127:
        raise NoEngineError("the docker CLI is missing", hint=INSTALL_HINT)
    raise_for_missing_engine(done.stderr)
    found: dict[str, ImageInfo] = {}
    for entry in json.loads(done.stdout or "[]"):
        tags = tuple(normalize_reference(tag) for tag in entry.get("RepoTags") or ())
        found.update(dict.fromkeys(tags, image_info(entry, tags)))
    return found


def plugin_versions() -> tuple[str, str]:
    """
    The versions of buildx and Compose; needs no daemon.

    Raises:
        NoEngineError: the CLI or a plugin is missing, or too old.
    """
    found = []
    for name, word, minimum in (("buildx", "version", MIN_BUILDX), ("compose", "version", MIN_COMPOSE)):
        done = process.run(["docker", name, word, *(["--short"] if name == "compose" else [])])
        if done.returncode != 0:
            what = "the docker CLI" if done.returncode == 127 else f"docker {name}"
            raise NoEngineError(f"{what} is missing", hint=INSTALL_HINT)
        # buildx: "github.com/docker/buildx 0.29.1+ds1 0.29.1+ds1-4"; compose: "2.40.3-3"
        words = done.stdout.split()
        version = words[1] if name == "buildx" and len(words) > 1 else words[0]
        if parse_version(version) < minimum:
            needed = ".".join(str(number) for number in minimum)
            raise NoEngineError(f"docker {name} {version} is too old; {needed} or newer is needed", hint=INSTALL_HINT)
        found.append(version)
    return found[0], found[1]


def raise_for_missing_engine(stderr: str) -> None:
    """Raise NoEngineError when the words say that no daemon answered."""
    if (
        "Cannot connect to the Docker daemon" in stderr
        or "error during connect" in stderr
        or "permission denied while" in stderr
    ):
        raise _no_engine(stderr)


def _raise_for_cache_export(lines: Sequence[str]) -> None:
    """Raise UsageError when buildx said, before it built anything, that the builder cannot do that."""
    # ERROR: Cache export is not supported for the docker driver.
    if any("Cache export is not supported" in line for line in lines if not line.startswith("{")):
        raise UsageError(
            "this builder cannot write its cache elsewhere: the docker driver does so only with the containerd image "
            "store",
            hint="Turn that store on (https://docs.docker.com/engine/storage/containerd/), or build with another "
            "driver: docker buildx create --name ci --driver docker-container, then --builder ci. "
            "type=inline works everywhere.",
        )


def _no_engine(stderr: str) -> NoEngineError:
    reason = stderr.strip().splitlines()[-1] if stderr.strip() else "no daemon answered"
    if "permission denied" in stderr:
        return NoEngineError(
            f"the Docker Engine refuses this user: {reason}",
            hint="Add yourself to the docker group and log in again: `sudo usermod -aG docker $USER`.",
        )
    host = os.environ.get("DOCKER_HOST")
    hint = f"DOCKER_HOST is {host}: mend it, or unset it. {INSTALL_HINT}" if host else INSTALL_HINT
    return NoEngineError(f"no Docker Engine answers: {reason}", hint=hint)


def _client() -> DockerClient:
    from python_on_whales import DockerClient

    return DockerClient()


def _docker(words: Sequence[str]) -> str:
    done = process.run(["docker", *words])
    if done.returncode == 127:
        raise NoEngineError("the docker CLI is missing", hint=INSTALL_HINT)
    if done.returncode != 0:
        raise_for_missing_engine(done.stderr)
        raise StackError(f"docker {' '.join(words[:3])} failed with code {done.returncode}: {done.tail()}")
    return done.stdout
