"""The keys of the configuration as a typed value; every one is optional, one that is not here is an error."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from layerproof.cache_entries import own_entry
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

    port: int = Field(description="the port in the container; it must be published")
    path: str = Field(default="/", description="the path that is asked")
    json_has: dict[str, Any] = Field(
        default_factory=dict, description="parts that the JSON answer must have; in a list, every entry must match"
    )
    text_has: str = Field(default="", description="a text that the answer must contain")
    shows: tuple[str, ...] = Field(
        default=(), strict=False, description='values of the answer to show, such as `"dependencies.mongodb.status"`'
    )


class WeightsConfig(_Table):
    """Files that a service needs when it runs and that no image carries; the compose file mounts their folder."""

    manifest: _Path = Field(
        min_length=1, description="the list of files that the service needs and no image carries, relative to the root"
    )
    mount: str = Field(description="where the container finds them: the absolute target of a folder's mount")

    @field_validator("mount")
    @classmethod
    def _is_absolute(cls, mount: str) -> str:
        if not mount.startswith("/"):
            raise ValueError(f"{mount!r} is no absolute path; it is the target of the mount, as in /weights")
        return mount


class AuditConfig(_Table):
    """What the built image of a service may weigh, and what may be inside."""

    max_size_mb: float | None = Field(
        default=None, gt=0, description="how large the built image may be, in 10^6 bytes; without it, any size"
    )
    max_wasted_mb: float | None = Field(
        default=None,
        ge=0,
        description="how much a later layer may overwrite or remove, in 10^6 bytes; without it, any amount",
    )
    allow: dict[str, Annotated[str, Field(min_length=1)]] = Field(
        default_factory=dict,
        description="what may be inside all the same: kinds or patterns of paths, each with its reason",
    )


class ServiceConfig(_Table):
    """What layerproof cannot see in the Compose file or the Dockerfile."""

    gpu: bool = Field(
        default=False, description="the service needs a GPU: it must reserve one, and no service without this may"
    )
    rebuild_budget_s: float = Field(
        default=30.0, gt=0, description="how many seconds a rebuild after a code edit may take, in `prove`"
    )
    probe_source: _Path | None = Field(
        default=None,
        description="the file that `prove` edits, relative to the build context; without it, the one whose edit re-runs"
        " most",
    )
    dependency_steps: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=(),
        strict=False,
        description="texts; an instruction of the Dockerfile with one of them installs dependencies",
    )
    application_steps: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=(),
        strict=False,
        description="texts; an instruction of the Dockerfile with one of them installs none, whatever it looks like",
    )
    verify: tuple[Probe, ...] = Field(
        default=(), strict=False, description="HTTP questions that `verify` asks the running service"
    )
    log_ignore: tuple[str, ...] = Field(
        default=(),
        strict=False,
        description="regular expressions of log lines that look like errors and are none, for `verify`",
    )
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


class CacheConfig(_Table):
    """
    Where the build cache is kept outside the builder, as buildx writes it: entries of `cache-from` and `cache-to`.

    Each image gets a place of its own; see `cache_entries`.
    """

    imports: tuple[str, ...] = Field(
        default=(),
        alias="from",
        strict=False,
        description="where builds read a cache outside of the builder, as buildx writes it; each image has its place",
    )
    exports: tuple[str, ...] = Field(
        default=(), alias="to", strict=False, description="where builds write one, as buildx writes it"
    )

    @field_validator("imports", "exports", mode="before")
    @classmethod
    def _is_list(cls, entries: Any) -> Any:
        return (entries,) if isinstance(entries, str) else entries

    @field_validator("imports", "exports")
    @classmethod
    def _can_be_read(cls, entries: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        for entry in entries:
            try:
                own_entry(entry, "image", direction="from" if info.field_name == "imports" else "to")
            except ConfigError as error:
                raise ValueError(f"{error.message}. {error.hint}") from error
        return entries


class Overlay(_Table):
    """Arguments, named contexts and places of the build cache that a profile lays over the general ones."""

    args: dict[str, str] = Field(
        default_factory=dict, description="build arguments by name, each for every image that declares it"
    )
    contexts: dict[str, _Path] = Field(
        default_factory=dict,
        description="named contexts by name, each for every image that has a stage or an image of that name: a folder"
        " relative to the root, or an address",
    )
    cache: CacheConfig = CacheConfig()

    def under(self, over: Overlay) -> Overlay:
        """This one with another on top: its arguments and contexts by name, its imports and exports as a whole."""
        cache = {**self.cache.model_dump(by_alias=True), **over.cache.model_dump(by_alias=True, exclude_unset=True)}
        return Overlay(
            args={**self.args, **over.args},
            contexts={**self.contexts, **over.contexts},
            cache=CacheConfig.model_validate(cache),
        )


class Policy(_Table):
    """What the rules ask for."""

    ignore: dict[str, Annotated[str, Field(min_length=1)]] = Field(
        default_factory=dict,
        description="by rule, the reason why it does not apply; one that silences nothing is a finding",
    )
    stages: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=(),
        strict=False,
        description="the names that a service's stages must have, in order; without it, only what they do counts",
    )
    pin: Literal["tag", "digest"] = Field(
        default="tag", description="how exactly upstream images are named: by a tag with a version, or by a digest"
    )
    unused_context_kb: int = Field(
        default=100, ge=0, description="how many kB of a build context may go unused before it is told"
    )


class BenchGoals(_Table):
    """What `bench` has to find; a goal that is not set is not judged."""

    edit_speedup: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict,
        description="by service, how many times faster than naive a code edit is built, at least",
    )
    warm_to_bake: float | None = Field(
        default=None,
        gt=0,
        description="the share of `docker buildx bake` that a no-op and a code edit take, at most",
    )
    cold_to_sequence: float | None = Field(
        default=None,
        gt=0,
        description="the share of the `docker build` commands that a cold build of everything takes, at most",
    )
    size_to_naive: float | None = Field(
        default=None, gt=0, description="the share of the naive image that an image takes, at most"
    )


class BenchConfig(_Table):
    """What `bench` compares with, and what it has to find."""

    naive: _Path = Field(
        default="bench/naive",
        description="the folder with a naive Dockerfile for a service, in a folder of the service's name",
    )
    goals: BenchGoals = BenchGoals()


class BaseImage(_Table):
    """A base image by its Dockerfile."""

    dockerfile: _Path = Field(min_length=1, description="its Dockerfile")
    context: _Path = Field(default="", description="its build context; without it, the Dockerfile's folder")
    target: str | None = Field(default=None, description="the stage that is the image; without it, the last one")


class Config(Overlay):
    """The whole table. `compose_file` is empty where Compose's own search order decides."""

    compose_file: _Path = Field(
        default="",
        description="the compose file, several joined by `:`; `--file` and `COMPOSE_FILE` of the environment come"
        " first; without all of them it is found",
    )
    bases: _Path = Field(
        default="docker",
        description="the folder whose sub-folders with a Dockerfile are base images, if something is built on them",
    )
    base_images: dict[str, _Path | BaseImage] = Field(
        default_factory=dict,
        description="base images anywhere, by their tag: a folder with a Dockerfile, a Dockerfile, or a table",
    )
    lab: _Path = Field(
        default="lab",
        description="the folder with the recipes of stand-ins, `lab.toml`, for `lab`; it may lie outside of the root",
    )
    profiles: dict[str, Overlay] = Field(default_factory=dict)
    services: dict[str, ServiceConfig] = Field(default_factory=dict)
    policy: Policy = Policy()
    bench: BenchConfig = BenchConfig()
    allow_mnt: bool = Field(
        default=False, description="build below `/mnt/<letter>` all the same: there it is a real Linux disk"
    )

    def service(self, name: str) -> ServiceConfig:
        """The table of one service; the defaults where it has none."""
        return self.services.get(name, ServiceConfig())

    def overlay(self, profile: str | None) -> Overlay:
        """
        The arguments and contexts that hold under a profile, or under several joined by commas, later ones on top.

        Raises:
            UsageError: there is no such profile.
        """
        merged = Overlay(args=self.args, contexts=self.contexts, cache=self.cache)
        for name in profile_names(profile):
            if name not in self.profiles:
                known = ", ".join(sorted(self.profiles)) or "none are defined"
                raise UsageError(
                    f"there is no profile {name!r} (known: {known})",
                    hint=f"Define it in the configuration: [tool.layerproof.profiles.{name}.args]; or drop --profile.",
                )
            merged = merged.under(self.profiles[name])
        return merged


def profile_names(profile: str | None) -> tuple[str, ...]:
    """The profiles of a choice such as `lab, hmr2`, lowest first; none for None and ""."""
    return tuple(part.strip() for part in profile.split(",")) if profile else ()
