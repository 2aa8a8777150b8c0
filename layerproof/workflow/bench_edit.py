"""Which files a benchmark edits, and how."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from layerproof.bench.texts import edit_text
from layerproof.errors import BenchError
from layerproof.manifests import is_manifest
from layerproof.model import Project
from layerproof.prove.edits import appended, new_token, stays_valid
from layerproof.prove.manifest import plan_manifest
from layerproof.prove.subject import load_subjects
from layerproof.prove.trial import Skip
from layerproof.workflow.load import configuration
from layerproof.workflow.workspace import Workspace


class Editable(Struct, frozen=True):
    """A file of the real tree, and its context; every edit is made to a copy of it."""

    kind: str
    path: Path
    context: Path

    def apply(self, copied: Path) -> None:
        """Append to a copy what was never there before; the file may be a link to the real one, which stays."""
        self._append(copied, self.path.read_bytes())

    def apply_to_naive(self, folder: Path, source: Path) -> None:
        """
        Edit what stands for this file in a naive build: a manifest of its own, where it has one, else the same file.

        Args:
            folder: the copy of the context.
            source: the folder with what is laid over it.

        Raises:
            BenchError: the file lies outside of the context.
        """
        own = sorted(path.name for path in source.iterdir() if is_manifest(path.name))
        if self.kind == "manifest" and own:
            manifest = folder / (self.path.name if self.path.name in own else own[0])
            self._append(manifest, manifest.read_bytes())
        elif self.path.is_relative_to(self.context):
            self.apply(folder / self.path.relative_to(self.context))
        else:
            raise BenchError(f"{self.path} is not in the build context {self.context}", hint="Set probe-source.")

    def _append(self, copied: Path, original: bytes) -> None:
        token = new_token()
        text = edit_text(copied, token) if self.kind == "edit" else appended(copied, token).data
        gap = b"" if original.endswith(b"\n") else b"\n"
        mode = copied.stat().st_mode
        copied.unlink()
        copied.write_bytes(original + gap + text)
        copied.chmod(mode)


def find_editables(
    project: Project, services: Sequence[str], *, workspace: Workspace
) -> tuple[dict[tuple[str, str], Editable], tuple[str, ...]]:
    """By kind (`edit`, `manifest`) and service, what can be edited; and what cannot, in words."""
    found: dict[tuple[str, str], Editable] = {}
    notes = []
    images = [image for image in project.images if image.service in services]
    for subject in load_subjects(images, project=project, config=configuration(project), files_of=workspace.files_of):
        image = subject.image
        if subject.source is None:
            notes.append(f"no code edit of {image.service}: it takes no source from its build context")
        else:
            found["edit", image.service] = Editable("edit", subject.source, image.context)
        trials = plan_manifest(subject, full=True)
        paths = [] if isinstance(trials, Skip) else [trial.edits[0].path for trial in trials]
        path = next((path for path in paths if stays_valid(path)), None)
        if path is None:
            notes.append(f"no manifest edit of {image.service}: it has no manifest that can be edited")
        else:
            found["manifest", image.service] = Editable("manifest", path, image.context)
    return found, tuple(notes)
