"""The two BuildKit exports in the user's shell start-up files (R1), written once however often it runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from layerproof.engine.process import BUILDKIT_ENV
from layerproof.errors import ConfigError

MARK = "# layerproof: build with BuildKit"
FILES = {"bash": ".bashrc", "zsh": ".zshrc"}


def write_exports(home: Path, *, shell: str) -> Iterator[tuple[Path, bool]]:
    """
    Append the exports that are missing.

    Args:
        shell: the user's shell; its file is made where it does not exist, the other shell's is not.

    Yields:
        Each file that has them now, and whether this call wrote it.

    Raises:
        ConfigError: another shell than these two, or a file that cannot be changed.
    """
    used = [file for name, file in FILES.items() if (home / file).exists() or Path(shell).name == name]
    if not used:
        settings = " and ".join(f"{name}={value}" for name, value in BUILDKIT_ENV.items())
        raise ConfigError(
            f"there is neither ~/.bashrc nor ~/.zshrc, and {shell or 'the shell'} is neither bash nor zsh",
            hint=f"Set {settings} as your shell does it.",
        )
    for file in used:
        path = home / file
        try:
            text = path.read_text(encoding="utf-8") if path.exists() else ""
            lines = [f"export {variable}={value}" for variable, value in BUILDKIT_ENV.items()]
            missing = [line for line in lines if line not in text.splitlines()]
            if missing:
                before = "" if not text or text.endswith("\n") else "\n"
                with path.open("a", encoding="utf-8") as stream:
                    stream.write(before + "\n".join([MARK, *missing]) + "\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: cannot be changed: {error}") from error
        yield path, bool(missing)
