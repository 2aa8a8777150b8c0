"""What goes into each step of a set of images: its own text, what it sees, the files it takes, the steps before it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from layerproof.evidence import KEPT_OPTIONS, Evidence, Listing, Upstream
from layerproof.flow import Flow, Node, load_flow
from layerproof.model import Image
from layerproof.references import image_of_context, normalize_reference
from layerproof.scope import State, Variable
from layerproof.selection import Selection, hashed, listing_digest

_EPOCH = "SOURCE_DATE_EPOCH"
StepId = tuple[str, int]  # an image and a line of its Dockerfile


class Base(Struct, frozen=True):
    """What a FROM from outside the file stands for: an image here (`image`), an upstream one, a folder, or scratch."""

    name: str
    image: str = ""
    upstream: Upstream | None = None
    files: Listing | None = None


class Keys(Struct, frozen=True):
    """
    `key` stands for all that a step is made of: BuildKit has it in its cache exactly when it has built such a step.

    `weak` leaves out what is compared by content only once it is there: files from other stages and from addresses.
    Where only `key` is new, the step runs or not, as those files turn out.
    """

    key: str
    weak: str


class Known:
    """The steps that some cache holds."""

    def __init__(self) -> None:
        self._keys: set[str] = set()
        self._weak: set[str] = set()

    def enter(self, keys: Mapping[str, str]) -> None:
        """Enter steps: `weak` by `key`."""
        self._keys.update(keys)
        self._weak.update(keys.values())

    def held(self, traces: Mapping[str, Trace]) -> set[StepId]:
        """Those of some images' steps that it holds."""
        found = ((name, line, item.keys.key) for name, one in traces.items() for line, item in one.steps.items())
        return {(name, line) for name, line, key in found if key in self._keys}

    def split(self, found: Trace) -> tuple[set[int], set[int]]:
        """The lines of the steps that will run, and of those that will only if what they copy turns out different."""
        missing = {line: item.keys for line, item in found.steps.items() if item.keys.key not in self._keys}
        maybe = {line for line, keys in missing.items() if keys.weak in self._weak}
        return set(missing) - maybe, maybe


class Ingredients(Struct, frozen=True):
    """
    Of one step.

    `files` are those that it takes, by folder; `copied` the steps whose results it copies from, also of other images;
    `before` is the step that it is laid over, `base` what it starts from where there is none. `fetches` says that it
    takes something from an address that nothing pins, `unsure` what else decides about it that cannot be known here.
    """

    image: Image
    node: Node
    before: StepId | None
    base: Base | None
    copied: tuple[StepId, ...]
    bases_copied: tuple[Base, ...]
    variables: Mapping[str, Variable]
    settings: Mapping[str, str]
    files: Mapping[Path, Listing] | None
    fetches: bool
    unsure: str
    keys: Keys
    after: Keys


class Trace(Struct, frozen=True):
    """
    The steps of one image by line. `last` is its last step, of its own or of the image it starts from; `layers` stands
    for the files that it leaves to those that start from it or copy from it.
    """

    image: Image
    flow: Flow
    steps: Mapping[int, Ingredients]
    last: StepId | None
    layers: Keys

    @property
    def keys(self) -> dict[str, str]:
        """The keys of its steps: `weak` by `key`."""
        return {item.keys.key: item.keys.weak for item in self.steps.values()}


def trace(evidence: Mapping[str, Evidence]) -> dict[str, Trace]:
    """
    Args:
        evidence: by name, each image after its parents; a parent that is missing counts as not known.
    """
    traces: dict[str, Trace] = {}
    for name, found in evidence.items():
        traces[name] = _trace(found, traces)
    return traces


def _trace(evidence: Evidence, traces: Mapping[str, Trace]) -> Trace:
    image = evidence.image
    names = {stage.base for stage in image.dockerfile.stages}
    bases = {name: _base(name, evidence, traces) for name in names}
    inherited = {name: _state(base, traces) for name, base in bases.items()}
    flow = load_flow(image, inherited=inherited, named=evidence.named)
    steps: dict[int, Ingredients] = {}
    selected = Selection(evidence)
    for line, node in flow.nodes.items():
        steps[line] = _ingredients(node, evidence, bases, steps, traces, selected)
    end = flow.end
    base = bases.get(end.base) or _base(end.base, evidence, traces)
    if end.line is not None:
        return Trace(image, flow, steps, (image.name, end.line), steps[end.line].after)
    last = traces[base.image].last if base.image in traces else None
    return Trace(image, flow, steps, last, _start(base, traces))


def _ingredients(
    node: Node,
    evidence: Evidence,
    bases: Mapping[str, Base],
    steps: Mapping[int, Ingredients],
    traces: Mapping[str, Trace],
    selected: Selection,
) -> Ingredients:
    image, is_run = evidence.image, node.instruction.keyword == "RUN"
    base = bases[node.state.base] if node.before is None else None
    below = steps[node.before].after if node.before is not None else _start(bases[node.state.base], traces)
    before = (image.name, node.before) if node.before is not None else None
    if base is not None and base.image in traces:
        before = traces[base.image].last
    variables = {name: item for name, item in node.state.variables.items() if name in node.arguments}
    settings = _settings(node, image)
    files, digest, unsure = selected.of(node)
    others = [_base(name, evidence, traces) for name in node.others]
    sources = [steps[line].after for line in node.copied] + [_start(other, traces) for other in others]
    copied = [(image.name, line) for line in node.copied]
    copied += [last for other in others if other.image in traces and (last := traces[other.image].last)]
    platforms = list(image.options.get("platforms") or ())
    seen = [(name, item.value) for name, item in variables.items() if item.value is not None] if is_run else []
    own = hashed(node.instruction.keyword, node.words, seen, settings, digest, platforms)
    fetches = _fetches(node)
    unsure = unsure or _triggered(node, bases)
    # Some engines can lay a linked copy over anything, others build it like any copy.
    linked = "--link" in node.words or "--link=true" in node.words
    keys = Keys(
        hashed(own, below.key, [source.key for source in sources], "unknown" if fetches or unsure else ""),
        hashed(own, "" if linked else below.weak),
    )
    after = Keys(keys.key, hashed(keys.weak, below.weak)) if linked else keys
    return Ingredients(
        image=image,
        node=node,
        before=before,
        base=base,
        copied=tuple(copied),
        bases_copied=tuple(other for other in others if not other.image),
        variables=variables,
        settings=settings,
        files=files,
        fetches=fetches,
        unsure=unsure,
        keys=keys,
        after=after,
    )


def _base(name: str, evidence: Evidence, traces: Mapping[str, Trace]) -> Base:
    """What a name in FROM or --from stands for."""
    image = evidence.image
    given = image.contexts.get(name) or image.contexts.get(name.removesuffix(":latest"), "")
    if given.startswith("target:"):
        return Base(name, image=given.removeprefix("target:"))
    if name in evidence.named:
        return Base(name, files=evidence.named[name])
    reference = normalize_reference(image_of_context(given) or name)
    if not given:
        own = [parent for parent in image.parents if parent in traces and traces[parent].image.tag == reference]
        if own:
            return Base(name, image=own[0])
    found = {normalize_reference(item): upstream for item, upstream in evidence.upstreams.items()}
    return Base(image_of_context(given) or name, upstream=found.get(reference))


def _state(base: Base, traces: Mapping[str, Trace]) -> State:
    """What a stage inherits from an image: its environment and settings; arguments end with it."""
    if base.image in traces:
        end = traces[base.image].flow.end
        environment = {name: replace(item, line=0) for name, item in end.environment.items()}
        return State(None, base.name, environment, environment, end.settings)
    config = base.upstream.config if base.upstream else {}
    environment = {name: Variable(value, is_env=True, line=0) for name, value in config.get("Env", {}).items()}
    names = {"WORKDIR": "WorkingDir", "USER": "User", "SHELL": "Shell"}
    given = {ours: config[theirs] for ours, theirs in names.items() if config.get(theirs)}
    settings = {name: " ".join(value) if isinstance(value, list) else str(value) for name, value in given.items()}
    return State(None, base.name, environment, environment, settings)


def _start(base: Base, traces: Mapping[str, Trace]) -> Keys:
    """The keys of what lies below the first step. The state of one that is not known is that of its name."""
    if base.image:
        return traces[base.image].layers if base.image in traces else Keys(*2 * [hashed("image", base.image)])
    if base.files is not None:
        return Keys(*2 * [hashed("folder", listing_digest(base.files))])
    layers = (base.upstream.layers if base.upstream else "") or base.name
    triggers = list(base.upstream.config.get("OnBuild") or ()) if base.upstream else []
    return Keys(*2 * [hashed("upstream", layers, triggers)])


def _settings(node: Node, image: Image) -> dict[str, str]:
    """What a RUN depends on beside its text and environment; a WORKDIR makes a folder for the user."""
    epoch = {"build.args.SOURCE_DATE_EPOCH": image.args[_EPOCH]} if _EPOCH in image.args else {}
    if node.instruction.keyword != "RUN":
        return epoch | ({"USER": node.state.settings["USER"]} if _needs_user(node) else {})
    needed = ("WORKDIR", "USER", "SHELL") if node.words[0] == "shell" else ("WORKDIR", "USER")
    settings = {name: node.state.settings[name] for name in needed if name in node.state.settings}
    options = {
        f"build.{name}": image.options[name] for name in KEPT_OPTIONS if name != "platforms" and image.options.get(name)
    }
    return (
        settings
        | epoch
        | {name: value if isinstance(value, str) else json.dumps(value) for name, value in options.items()}
    )


def _triggered(node: Node, bases: Mapping[str, Base]) -> str:
    """What an image that a stage starts from adds by ONBUILD is not in the Dockerfile."""
    base = bases.get(node.state.base)
    triggers = base.upstream.config.get("OnBuild") if base and base.upstream else None
    return f"what the ONBUILD instructions of {base.name} took" if base and triggers else ""


def _needs_user(node: Node) -> bool:
    return node.instruction.keyword == "WORKDIR" and "USER" in node.state.settings


def _fetches(node: Node) -> bool:
    """Whether it takes something from an address without a checksum or a commit."""
    if node.instruction.keyword != "ADD" or any(flag.startswith("--checksum=") for flag in node.instruction.flags):
        return False
    addresses = [word for word in node.instruction.values[:-1] if "://" in word or word.startswith("git@")]
    return any(not _is_commit(word.partition("#")[2].partition(":")[0]) for word in addresses)


def _is_commit(text: str) -> bool:
    return len(text) == 40 and all(character in "0123456789abcdef" for character in text)
