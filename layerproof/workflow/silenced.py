"""What silences a finding: a comment at its place, or the configuration."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from layerproof.config_file import PYPROJECT, find_config
from layerproof.errors import ConfigError
from layerproof.model import Finding, Project
from layerproof.policy import SilenceSubject
from layerproof.policy.suppression import Suppression, find_suppressions
from layerproof.settings import Config
from layerproof.workflow.places import ComposePlaces


class Silence:
    """
    The comments of every file that was checked or in which something was found, and the entries of the configuration.

    Args:
        found: what the rules have found, before anything is silenced.
    """

    def __init__(self, project: Project, config: Config, places: ComposePlaces, found: Collection[Finding]) -> None:
        self._project, self._entries = project, config.policy.ignore
        self._found = found
        self._config = find_config(project.root) or project.root / PYPROJECT
        paths = {image.dockerfile.path for image in project.images if not image.inline} | set(places.files)
        paths |= {project.root / finding.path for finding in found}
        self._comments = {
            os.path.relpath(path, project.root): tuple(self._read(path)) for path in sorted(paths) if path.is_file()
        }

    def subjects(self, *, known: Collection[str]) -> list[SilenceSubject]:
        """
        One subject for each file with such comments.

        Args:
            known: the ids of all rules.

        Raises:
            ConfigError: the configuration ignores a rule that does not exist.
        """
        if unknown := sorted(set(self._entries) - set(known)):
            line = self._config_line(unknown[0])
            raise ConfigError(
                f"{self._config}:{line}: policy.ignore: there is no rule {unknown[0]}",
                hint="inv rules lists them.",
            )
        return [
            SilenceSubject(
                self._project.root / path,
                comments,
                {(item.rule, item.line) for item in self._found if item.path == path},
                known,
            )
            for path, comments in self._comments.items()
            if comments
        ]

    def kept(self, found: Collection[Finding]) -> Iterator[Finding]:
        """The findings that nothing silences."""
        for finding in found:
            comments = self._comments.get(finding.path, ())
            if finding.rule not in self._entries and not any(it.covers(finding.rule, finding.line) for it in comments):
                yield finding

    def unused(self, found: Collection[Finding]) -> Iterator[Finding]:
        """One finding for each entry of the configuration that silences nothing."""
        for rule in sorted(set(self._entries) - {finding.rule for finding in found}):
            message = f"the ignore of {rule} is not used: remove it"
            yield Finding("LP000", "warning", self._config.name, self._config_line(rule), message, "R13")

    def _read(self, path: Path) -> Iterator[Suppression]:
        images = (image for image in self._project.images if image.dockerfile.path == path and not image.inline)
        stages = next((image.dockerfile.stages for image in images), ())
        ends = {item.line: item.end_line for stage in stages for item in stage.instructions}
        yield from find_suppressions(path.read_text(encoding="utf-8", errors="replace"), ends=ends)

    def _config_line(self, rule: str) -> int:
        text = self._config.read_text(encoding="utf-8", errors="replace")
        lines = enumerate(text.splitlines(), start=1)
        return next((number for number, line in lines if line.lstrip("\"' ").startswith(rule)), 1)
