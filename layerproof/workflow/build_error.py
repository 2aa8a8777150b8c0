"""Why a build failed: the step, where it stands, the last lines it printed, and what to do."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from layerproof import graph, progress
from layerproof.cache_events import exports_cache
from layerproof.downloads import has_failed_download
from layerproof.errors import BuildError
from layerproof.flow import load_flow
from layerproof.model import Image, Step

_NO_UPSTREAM = (
    "The upstream image is neither here nor to be had from its registry. Where no registry can be reached: inv lab."
)
_MEND = "Mend that step and run the build again: the steps before it are cached."
_DOWNLOAD_AGAIN = (
    "It looks as if a download failed: run the build again. The steps before it are cached, and so is what was"
    " downloaded into a cache mount. If it fails again, mend that step."
)
_NO_EXPORT = "Log in to where the cache goes, or add ignore-error=true to its entry to go on without it."


def build_error(wanted: Collection[Image], stale: Sequence[str], log: progress.BuildLog, returncode: int) -> BuildError:
    """Name the step that failed, where it stands, and the last lines it printed."""
    failed = progress.failed_vertices(log)
    if not failed:
        words = "\n".join(log.noise[-12:]) or f"docker buildx bake ended with code {returncode}"
        return BuildError(f"the build failed: {words}", hint="Mend that and run the build again.")
    vertex = failed[0]
    step = progress.step_of(vertex, only_target=stale[0] if len(stale) == 1 else "")
    tail = "\n".join(f"  | {line}" for line in vertex.log if line.strip())
    if "failed to resolve source metadata" in vertex.error:
        return BuildError(f"{vertex.name}: {vertex.error.splitlines()[0]}", hint=_NO_UPSTREAM)
    if exports_cache(vertex):
        return BuildError(
            f"{vertex.name}: {vertex.error.splitlines()[0]}", hint=f"{_NO_EXPORT}{_done_before(stale, log)}"
        )
    where = _where(wanted, step) if step else ""
    reason = vertex.error.splitlines()[0]
    said = vertex.log or (vertex.error,)  # what fetches without a command, as ADD does, has no log
    advice = _DOWNLOAD_AGAIN if has_failed_download(said) else _MEND
    return BuildError(
        f"{where}{vertex.name}: {reason}" + (f"\n{tail}" if tail else ""),
        hint=f"{advice}{_done_before(stale, log)}",
    )


def _done_before(stale: Sequence[str], log: progress.BuildLog) -> str:
    """Which images were finished before another one failed; each target of a bake run is exported when it is ready."""
    done = [name for name in stale if progress.is_exported(log, name)]
    return f" Built before it failed: {', '.join(done)}." if done else " No tag was moved."


def _where(wanted: Collection[Image], step: Step) -> str:
    """`path:line: ` of a step that BuildKit only numbers; "" where no Dockerfile has it."""
    name = graph.step_owner(wanted)(step)
    image = next((image for image in wanted if image.name == name), None)
    line = load_flow(image).line_of(step) if image else None
    return f"{image.dockerfile.path}:{line}: " if image and line else ""
