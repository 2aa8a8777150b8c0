"""`[tool.layerproof]` of pyproject.toml as a typed value; every key is optional, an unknown one is an error."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from layerproof.errors import ConfigError, UsageError


def _usable_path(path: str) -> str:
    """Refuse what no file system takes."""
    if "\0" in path:
        raise ValueError("a path cannot hold a NUL character")
    if any(len(part.encode("utf-8", "surrogatepass")) > 255 for part in path.split("/")):
        raise ValueError("a name in a path has at most 255 bytes")
    return path


_Path = Annotated[str, AfterValidator(_usable_path)]


class _Table(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, alias_generator=lambda name: name.replace("_", "-")
    )


class Probe(_Table):
    """One HTTP question that `verify` asks a running service."""

    port: int
    path: str = "/"
    json_has: dict[str, Any] = Field(default_factory=dict)
    text_has: str = ""
    shows: tuple[str, ...] = Field(default=(), strict=False)


class WeightsConfig(_Table):
    """
    Files that a service needs when it runs and that no image carries.

    `manifest` names the file that lists them, relative to the root; `mount` is where the container finds them, and the
    folder on this machine is what the compose file mounts there.
    """

    manifest: _Path = Field(min_length=1)
    mount: str

    @field_validator("mount")
    @classmethod
    def _is_absolute(cls, mount: str) -> str:
        if not mount.startswith("/"):
            raise ValueError(f"{mount!r} is no absolute path; it is the target of the mount, as in /weights")
        return mount


class AuditConfig(_Table):
    """
    What the built image of a service may be: budgets in megabytes (10^6 bytes), and what is allowed to be inside, a
    kind such as `setuid` or a pattern of paths, each with its reason.
    """

    max_size_mb: float | None = Field(default=None, gt=0)
    max_wasted_mb: float | None = Field(default=None, ge=0)
    allow: dict[str, Annotated[str, Field(min_length=1)]] = Field(default_factory=dict)


class ServiceConfig(_Table):
    """What layerproof cannot see in the Compose file or the Dockerfile."""

    gpu: bool = False
    rebuild_budget_s: float = Field(default=30.0, gt=0)
    probe_source: _Path | None = None
    dependency_steps: tuple[Annotated[str, Field(min_length=1)], ...] = Field(default=(), strict=False)
    application_steps: tuple[Annotated[str, Field(min_length=1)], ...] = Field(default=(), strict=False)
    verify: tuple[Probe, ...] = Field(default=(), strict=False)
    log_ignore: tuple[str, ...] = Field(default=(), strict=False)
    weights: WeightsConfig | None = None
    audit: AuditConfig = AuditConfig()

    @field_validator("log_ignore")
    @classmethod
    def _compiles(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
        return patterns


class Overlay(_Table):
    """Arguments and named contexts that a profile lays over the general ones."""

    args: dict[str, str] = Field(default_factory=dict)
    contexts: dict[str, _Path] = Field(default_factory=dict)


class Policy(_Table):
    """
    What the rules ask for.

    `ignore` names rules that do not apply here, each with its reason. `stages` are the names that a service's stages
    must have, in order; any names for none. `pin` is how exactly an upstream image has to be named. `unused_context_kb`
    is how much of a build context may go unused.
    """

    ignore: dict[str, Annotated[str, Field(min_length=1)]] = Field(default_factory=dict)
    stages: tuple[Annotated[str, Field(min_length=1)], ...] = Field(default=(), strict=False)
    pin: Literal["tag", "digest"] = "tag"
    unused_context_kb: int = Field(default=100, ge=0)


class BenchGoals(_Table):
    """
    What `inv bench` has to find; one that is not set is not judged.

    `edit_speedup` is, by service, how many times faster than the naive build a code edit is at least. `warm_to_bake` is
    the share of `docker buildx bake` that a no-op and a code edit take at most, `cold_to_sequence` that of the `docker
    build` commands in a cold build of everything, `size_to_naive` that of the naive image in the size of an image.
    """

    edit_speedup: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    warm_to_bake: float | None = Field(default=None, gt=0)
    cold_to_sequence: float | None = Field(default=None, gt=0)
    size_to_naive: float | None = Field(default=None, gt=0)


class BenchConfig(_Table):
    """`naive` is the folder with a naive Dockerfile for each service, in a folder of the service's name."""

    naive: _Path = "bench/naive"
    goals: BenchGoals = BenchGoals()


class Config(Overlay):
    """The whole table. `compose_file` is empty where Compose's own search order decides."""

    compose_file: _Path = ""
    bases: _Path = "docker"
    profiles: dict[str, Overlay] = Field(default_factory=dict)
    services: dict[str, ServiceConfig] = Field(default_factory=dict)
    policy: Policy = Policy()
    bench: BenchConfig = BenchConfig()
    allow_mnt: bool = False

    def service(self, name: str) -> ServiceConfig:
        """The table of one service; the defaults where it has none."""
        return self.services.get(name, ServiceConfig())

    def overlay(self, profile: str | None) -> Overlay:
        """
        The arguments and contexts that hold under a profile, or under several joined by commas, later ones on top.

        Raises:
            UsageError: there is no such profile.
        """
        merged = Overlay(args=self.args, contexts=self.contexts)
        for name in profile_names(profile):
            if name not in self.profiles:
                known = ", ".join(sorted(self.profiles)) or "none are defined"
                raise UsageError(
                    f"there is no profile {name!r} (known: {known})",
                    hint=f"Define [tool.layerproof.profiles.{name}.args] in pyproject.toml, or drop --profile.",
                )
            over = self.profiles[name]
            merged = Overlay(args={**merged.args, **over.args}, contexts={**merged.contexts, **over.contexts})
        return merged


def profile_names(profile: str | None) -> tuple[str, ...]:
    """The profiles of a choice such as `lab, hmr2`, lowest first; none for None and ""."""
    return tuple(part.strip() for part in profile.split(",")) if profile else ()


def parse_config(text: str, *, path: Path) -> Config:
    """
    Read the text of a pyproject.toml.

    Raises:
        ConfigError: not TOML, an unknown key, or a value of the wrong type; the message has path and line.
    """
    import tomli

    try:
        document = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise ConfigError(f"{path}:{error.lineno}: not valid TOML: {error.msg}", hint="Mend that line.") from error
    except RecursionError as error:
        raise ConfigError(f"{path}:1: nested too deeply", hint="Write it with less nesting.") from error
    tool = document.get("tool", {})
    table = tool.get("layerproof", {}) if isinstance(tool, dict) else {}
    try:
        return Config.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        keys = [str(part) for part in first["loc"]]
        where = ".".join(["tool", "layerproof", *keys])
        reason = "unknown key" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
        raise ConfigError(
            f"{path}:{_line_of(keys, text)}: {where}: {reason}",
            hint="docs/configuration.md lists every key.",
        ) from error


def load_config(root: Path) -> Config:
    """Read `root/pyproject.toml`; the defaults where there is none."""
    path = root / "pyproject.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Config()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}", hint="Make it a readable UTF-8 file.") from error
    return parse_config(text, path=path)


def _line_of(keys: list[str], text: str) -> int:
    """The first line that mentions the last key, quoted or bare; TOML libraries keep no positions. 1 if none does."""
    names = [key for key in keys if not key.isdigit()]
    word = re.compile(rf"(?<![\w-]){re.escape(names[-1])}(?![\w-])") if names else re.compile(r"layerproof")
    lines = text.splitlines()
    # [tool.layerproof.args]
    start = next((n for n, line in enumerate(lines) if line.lstrip().startswith("[tool.layerproof")), 0)
    return next((n + 1 for n, line in enumerate(lines) if n >= start and word.search(line)), start + 1)
