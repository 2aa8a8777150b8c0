"""The keys of the configuration as a typed value; every one is optional, one that is not here is an error."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from layerproof.cache_entries import own_entry
from layerproof.errors import ConfigError, UsageError
from layerproof.validation import WrongValueError

DEFAULT_BASES = "docker"

_Text = Annotated[str, Meta(min_length=1)]
_Share = Annotated[float, Meta(gt=0)]


def _check_path(key: str, path: str) -> None:
    """
    Refuse what no file system takes.

    Raises:
        WrongValueError: under this key.
    """
    if "\0" in path:
        raise WrongValueError(key, "a path cannot hold a NUL character")
    if any(len(part.encode("utf-8", "surrogatepass")) > 255 for part in path.split("/")):
        raise WrongValueError(key, "a name in a path has at most 255 bytes")


def _listed(entries: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return (entries,) if isinstance(entries, str) else entries or ()


class Table(Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """A table of the configuration: what a key does is said in its annotation."""


class Probe(Table, frozen=True):
    """One HTTP question that `verify` asks a running service."""

    port: Annotated[int, Meta(description="the port in the container; it must be published")]
    path: Annotated[str, Meta(description="the path that is asked")] = "/"
    json_has: Annotated[
        dict[str, Any],
        Meta(description="parts that the JSON answer must have; in a list, every entry must match"),
    ] = {}
    text_has: Annotated[str, Meta(description="a text that the answer must contain")] = ""
    shows: Annotated[
        tuple[str, ...],
        Meta(description='values of the answer to show, such as `"dependencies.mongodb.status"`'),
    ] = ()


class WeightsConfig(Table, frozen=True):
    """Files that a service needs when it runs and that no image carries; the compose file mounts their folder."""

    manifest: Annotated[
        _Text, Meta(description="the list of files that the service needs and no image carries, relative to the root")
    ]
    mount: Annotated[str, Meta(description="where the container finds them: the absolute target of a folder's mount")]

    def __post_init__(self) -> None:
        _check_path("manifest", self.manifest)
        if not self.mount.startswith("/"):
            raise WrongValueError(
                "mount", f"{self.mount!r} is no absolute path; it is the target of the mount, as in /weights"
            )


class AuditConfig(Table, frozen=True):
    """What the built image of a service may weigh, and what may be inside."""

    max_size_mb: Annotated[
        _Share | None, Meta(description="how large the built image may be, in 10^6 bytes; without it, any size")
    ] = None
    max_wasted_mb: Annotated[
        Annotated[float, Meta(ge=0)] | None,
        Meta(description="how much a later layer may overwrite or remove, in 10^6 bytes; without it, any amount"),
    ] = None
    allow: Annotated[
        dict[str, _Text],
        Meta(description="what may be inside all the same: kinds or patterns of paths, each with its reason"),
    ] = {}


class ServiceConfig(Table, frozen=True):
    """What layerproof cannot see in the Compose file or the Dockerfile."""

    gpu: Annotated[
        bool, Meta(description="the service needs a GPU: it must reserve one, and no service without this may")
    ] = False
    rebuild_budget_s: Annotated[
        _Share, Meta(description="how many seconds a rebuild after a code edit may take, in `prove`")
    ] = 30.0
    probe_source: Annotated[
        str | None,
        Meta(
            description="the file that `prove` edits, relative to the build context; without it, the one whose edit"
            " re-runs most"
        ),
    ] = None
    dependency_steps: Annotated[
        tuple[_Text, ...],
        Meta(description="texts; an instruction of the Dockerfile with one of them installs dependencies"),
    ] = ()
    application_steps: Annotated[
        tuple[_Text, ...],
        Meta(
            description="texts; an instruction of the Dockerfile with one of them installs none, whatever it looks like"
        ),
    ] = ()
    verify: Annotated[tuple[Probe, ...], Meta(description="HTTP questions that `verify` asks the running service")] = ()
    log_ignore: Annotated[
        tuple[str, ...],
        Meta(description="regular expressions of log lines that look like errors and are none, for `verify`"),
    ] = ()
    weights: WeightsConfig | None = None
    audit: AuditConfig = AuditConfig()

    def __post_init__(self) -> None:
        _check_path("probe-source", self.probe_source or "")
        for pattern in self.log_ignore:
            try:
                re.compile(pattern)
            except (re.error, OverflowError, RecursionError) as error:
                raise WrongValueError("log-ignore", f"{pattern!r} is no regular expression: {error}") from error


class CacheConfig(Table, frozen=True):
    """
    Where the build cache is kept outside the builder, as buildx writes it: entries of `cache-from` and `cache-to`.

    Each image gets a place of its own; see `cache_entries`. A key that is not given is None: it covers nothing that
    lies below it.
    """

    imports: Annotated[
        str | tuple[str, ...] | None,
        Meta(
            description="where builds read a cache outside of the builder, as buildx writes it; each image has its"
            " place"
        ),
    ] = field(name="from", default=None)
    exports: Annotated[
        str | tuple[str, ...] | None, Meta(description="where builds write one, as buildx writes it")
    ] = field(name="to", default=None)

    def __post_init__(self) -> None:
        for key, entries in (("from", self.all_imports()), ("to", self.all_exports())):
            for entry in entries:
                try:
                    own_entry(entry, "image", direction=key)
                except ConfigError as error:
                    raise WrongValueError(key, f"{error.message}. {error.hint}") from error

    def all_imports(self) -> tuple[str, ...]:
        """The entries, also of one that is written without a list."""
        return _listed(self.imports)

    def all_exports(self) -> tuple[str, ...]:
        """The entries, also of one that is written without a list."""
        return _listed(self.exports)


class Overlay(Table, frozen=True):
    """Arguments, named contexts and places of the build cache that a profile lays over the general ones."""

    args: Annotated[
        dict[str, str], Meta(description="build arguments by name, each for every image that declares it")
    ] = {}
    contexts: Annotated[
        dict[str, str],
        Meta(
            description="named contexts by name, each for every image that has a stage or an image of that name: a"
            " folder relative to the root, or an address"
        ),
    ] = {}
    cache: CacheConfig = CacheConfig()

    def __post_init__(self) -> None:
        for name, value in self.contexts.items():
            _check_path(f"contexts.{name}", value)

    def under(self, over: Overlay) -> Overlay:
        """This one with another on top: its arguments and contexts by name, its imports and exports as a whole."""
        cache = CacheConfig(
            imports=self.cache.imports if over.cache.imports is None else over.cache.imports,
            exports=self.cache.exports if over.cache.exports is None else over.cache.exports,
        )
        return Overlay(args={**self.args, **over.args}, contexts={**self.contexts, **over.contexts}, cache=cache)


class Policy(Table, frozen=True):
    """What the rules ask for."""

    ignore: Annotated[
        dict[str, _Text],
        Meta(description="by rule, the reason why it does not apply; one that silences nothing is a finding"),
    ] = {}
    stages: Annotated[
        tuple[_Text, ...],
        Meta(description="the names that a service's stages must have, in order; without it, only what they do counts"),
    ] = ()
    pin: Annotated[
        Literal["tag", "digest"],
        Meta(description="how exactly upstream images are named: by a tag with a version, or by a digest"),
    ] = "tag"
    unused_context_kb: Annotated[
        int, Meta(ge=0, description="how many kB of a build context may go unused before it is told")
    ] = 100


class BenchGoals(Table, frozen=True):
    """What `bench` has to find; a goal that is not set is not judged."""

    edit_speedup: Annotated[
        dict[str, _Share],
        Meta(description="by service, how many times faster than naive a code edit is built, at least"),
    ] = {}
    warm_to_bake: Annotated[
        _Share | None,
        Meta(description="the share of `docker buildx bake` that a no-op and a code edit take, at most"),
    ] = None
    cold_to_sequence: Annotated[
        _Share | None,
        Meta(description="the share of the `docker build` commands that a cold build of everything takes, at most"),
    ] = None
    size_to_naive: Annotated[
        _Share | None, Meta(description="the share of the naive image that an image takes, at most")
    ] = None


class BenchConfig(Table, frozen=True):
    """What `bench` compares with, and what it has to find."""

    naive: Annotated[
        str, Meta(description="the folder with a naive Dockerfile for a service, in a folder of the service's name")
    ] = "bench/naive"
    goals: BenchGoals = BenchGoals()

    def __post_init__(self) -> None:
        _check_path("naive", self.naive)


class BaseImage(Table, frozen=True):
    """A base image by its Dockerfile."""

    dockerfile: Annotated[_Text, Meta(description="its Dockerfile")]
    context: Annotated[str, Meta(description="its build context; without it, the Dockerfile's folder")] = ""
    target: Annotated[str | None, Meta(description="the stage that is the image; without it, the last one")] = None

    def __post_init__(self) -> None:
        _check_path("dockerfile", self.dockerfile)
        _check_path("context", self.context)


class Config(Overlay, frozen=True):
    """
    The whole table. `compose_file` is empty where Compose's own search order decides; `bases` is None where nothing is
    said, and then not every Dockerfile there has to be a base image.
    """

    compose_file: Annotated[
        str,
        Meta(
            description="the compose file, several joined by `:`; `--file` and `COMPOSE_FILE` of the environment come"
            " first; without all of them it is found"
        ),
    ] = ""
    bases: Annotated[
        str | None,
        Meta(
            description="the folder whose sub-folders with a Dockerfile are base images; without it, those of"
            f" `{DEFAULT_BASES}` that something is built on"
        ),
    ] = None
    base_images: Annotated[
        dict[str, str | BaseImage],
        Meta(description="base images anywhere, by their tag: a folder with a Dockerfile, a Dockerfile, or a table"),
    ] = {}
    lab: Annotated[
        str,
        Meta(
            description="the folder with the recipes of stand-ins, `lab.toml`, for `lab`; it may lie outside of the"
            " root"
        ),
    ] = "lab"
    profiles: dict[str, Overlay] = {}
    services: dict[str, ServiceConfig] = {}
    policy: Policy = Policy()
    bench: BenchConfig = BenchConfig()
    allow_mnt: Annotated[
        bool, Meta(description="build below `/mnt/<letter>` all the same: there it is a real Linux disk")
    ] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_path("compose-file", self.compose_file)
        _check_path("bases", self.bases_folder())
        _check_path("lab", self.lab)
        for tag, entry in self.base_images.items():
            if isinstance(entry, str):
                _check_path(f"base-images.{tag}", entry)

    def bases_folder(self) -> str:
        """The folder with the base images, relative to the root."""
        return DEFAULT_BASES if self.bases is None else self.bases

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
