"""Compiles the package where it is installed editable, as pip does where it copies one."""

from __future__ import annotations

import compileall
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Bytecode(BuildHookInterface[Any]):
    """Invoke writes no bytecode: each command would compile all that it imports, a sixth of a build with no work."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  # hatchling calls it so
        """Compile what has changed; `version` says what kind of build it is."""
        if version == "editable":
            compileall.compile_dir(Path(self.root, "layerproof"), quiet=1)
