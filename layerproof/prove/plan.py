"""Probes to trials."""

from __future__ import annotations

import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from layerproof.prove.arguments import volatile_arguments
from layerproof.prove.base import plan_base
from layerproof.prove.cause import named_step
from layerproof.prove.edits import Edit, appended, new_token
from layerproof.prove.manifest import plan_manifest
from layerproof.prove.source import find_shut_out, is_code
from layerproof.prove.subject import Subject, context_files
from layerproof.prove.trial import Skip, Trial, shown

PROBES = ("noop", "source", "manifest", "unrelated", "touch", "sibling", "base")
NOOP_BUDGET_S = 15.0
MAX_TOUCHED = 1000
MAX_PACKAGES = 50
MAX_TOUCHED_BYTES = 1 << 20

# What lies around in a working tree and is part of no image, with the pattern that keeps it out. The token makes files
# and folders new: of a folder whose files are ignored BuildKit still sees that it is there.
_UNRELATED = {
    "{}.log": "**/*.log",
    "{}.pkl": "**/*.pkl",
    "__pycache__/{}/0.pyc": "**/__pycache__",
    "node_modules/{}/index.js": "**/node_modules",
}
_OWN_CONTEXT = "Give each service a build context of its own, or copy nothing of another service but its manifests."


def plan_probe(subject: Subject, probe: str, *, full: bool = False) -> tuple[Trial, ...] | Skip:
    """
    The trials of one probe. Every edit is one that no build has seen.

    Args:
        full: let what the manifest and base probes start run to its end.
    """
    if not subject.flow.nodes and probe != "base":
        return Skip("not applicable", "its Dockerfile has no step: it only names an image")
    plans: Mapping[str, Callable[[], tuple[Trial, ...] | Skip]] = {
        "noop": lambda: (Trial("nothing was edited"),),
        "source": lambda: _source(subject),
        "manifest": lambda: plan_manifest(subject, full=full),
        "unrelated": lambda: _unrelated(subject),
        "touch": lambda: _touch(subject),
        "sibling": lambda: _sibling(subject),
        "base": lambda: plan_base(subject, full=full),
    }
    return plans[probe]()


def budget_s(subject: Subject, probe: str) -> float | None:
    """How long the builds of a probe may take; None where they are stopped, or wait for a package manager."""
    if probe in ("manifest", "base"):
        return None
    return subject.config.rebuild_budget_s if probe == "source" else NOOP_BUDGET_S


def _source(subject: Subject) -> tuple[Trial, ...] | Skip:
    path = subject.source
    if path is None:
        shut_out = find_shut_out(subject.image.context, subject.flow)
        if shut_out is None:
            return Skip("not applicable", "no step takes source from a build context")
        return Skip(
            "unproven",
            f"the ignore file keeps out all source that a step would take, such as {shown(subject, shut_out)}",
            "Mend the ignore file, or copy less.",
        )
    takers = [line for line, node in subject.flow.nodes.items() if node.takes(path)]
    reached = {node.line for line in takers for node in subject.flow.downstream(line)}
    token = new_token()
    return (
        Trial(
            f"{shown(subject, path)} was edited",
            edits=(appended(path, token),),
            # Where nothing takes it, it is expected somewhere all the same: then the proof says that nothing ran.
            must_run=frozenset(reached) or frozenset(subject.flow.nodes),
            may_run="application",
            arguments=volatile_arguments(subject.images, token),
        ),
    )


def _unrelated(subject: Subject) -> tuple[Trial, ...]:
    token, context = f"layerproof-{new_token()}", subject.image.context
    sources = subject.kinds.sources
    edits: dict[Path, Edit] = {}
    for root in _working_folders(subject):
        readmes = {path.name for path in root.glob("README*") if path.is_file()} | {"README.md"}
        paths = {name: f"**/{name}" for name in sorted(readmes) if not _is_packaged(root, name)} | _UNRELATED
        paths["data/{}/0.bin"] = (root / "data").relative_to(context).as_posix()
        if (root / ".git").is_dir():
            paths[".git/{}"] = "**/.git"
        if any(path.startswith(f"{root}/data/") and is_code(path) for path in sources):
            del paths["data/{}/0.bin"]  # a package of the application that is called so
        for path, pattern in {**paths, ".env": "**/.env"}.items():
            at = root / path.format(token)
            text = f"LAYERPROOF={token}\n" if path == ".env" else f"{token}\n"
            edits[at] = Edit(at, "append", text.encode(), pattern)
    # Python leaves compiled modules beside the source whenever it is run outside a container.
    for folder in sorted({Path(path).parent for path in sources if path.endswith(".py")})[:MAX_PACKAGES]:
        at = folder / "__pycache__" / token / "0.pyc"
        edits[at] = Edit(at, "append", token.encode(), "**/__pycache__")
    kinds = dict.fromkeys(edit.pattern.removeprefix("**/") for edit in edits.values())
    return (Trial(f"{', '.join(kinds)} were edited", tuple(edits.values())),)


def _working_folders(subject: Subject) -> list[Path]:
    """The build context; and the service's own folder in it, where it is one of several services or parts."""
    context, beside = subject.image.context, subject.image.dockerfile.path.parent
    has_source = any(path.startswith(f"{beside}/") for path in subject.kinds.sources)
    own = [subject.home, beside if has_source and beside.is_relative_to(context) else None]
    return list(dict.fromkeys([context, *(folder for folder in own if folder is not None)]))


def _is_packaged(root: Path, name: str) -> bool:
    """Whether a manifest names the README: then the package's build needs it, and it is source."""
    manifests = (root / "pyproject.toml", root / "setup.py", root / "setup.cfg", root / "Cargo.toml")
    return any(
        path.is_file() and name in path.read_text(encoding="utf-8", errors="replace") and (root / name).is_file()
        for path in manifests
    )


def _touch(subject: Subject) -> tuple[Trial, ...] | Skip:
    """Every file up to a size and a number: what is touched has to be copied, so that the real file is not."""
    paths = [path for path in context_files(subject) if path.is_file() and not path.is_symlink()]
    nodes = subject.flow.nodes.values()
    is_open = [path for path in paths if path.stat().st_mode & stat.S_IWOTH]
    taken = next(((node, path) for node in nodes for path in is_open if node.takes(path)), None)
    if taken is not None:
        node, path = taken
        return Skip(
            "failed",
            f"{named_step(node)} takes {shown(subject, path)}, which everybody may write to here and nobody in a fresh"
            " checkout: its mode counts, so a build elsewhere misses the cache",
            "chmod -R o-w the build context. (GitLab runners: FF_DISABLE_UMASK_FOR_DOCKER_EXECUTOR.)",
        )
    small = [path for path in paths if path.stat().st_size <= MAX_TOUCHED_BYTES]
    chosen = small[:: len(small) // MAX_TOUCHED + 1]
    if not chosen:
        return Skip("not applicable", "no file reaches it from a build context")
    return (Trial("the times of files and folders were changed", tuple(Edit(path, "touch") for path in chosen)),)


def _sibling(subject: Subject) -> tuple[Trial, ...] | Skip:
    if not subject.siblings:
        return Skip("not applicable", "no other service has a source of its own")
    unknown = [name for name, path in subject.siblings.items() if path is None]
    known = {name: path for name, path in subject.siblings.items() if path is not None}
    if unknown:
        return Skip(
            "unproven",
            f"it shares a build context with {', '.join(unknown)}, and nothing tells whose source is whose",
            "Give each service its own context, or name a file: probe-source in [tool.layerproof.services.<name>].",
        )
    token = new_token()
    said = ", ".join(f"{shown(subject, path)} of {name}" for name, path in known.items())
    edits = tuple(appended(path, token) for path in known.values())
    verb = "were" if len(known) > 1 else "was"
    return (Trial(f"{said} {verb} edited", edits, advice=_OWN_CONTEXT),)
