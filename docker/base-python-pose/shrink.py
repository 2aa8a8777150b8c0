"""
Take out of a folder of installed packages what no running service needs, and say how much that was.

    shrink.py FOLDER --drop triton --drop cmake --write FILE

Tests, headers, sources and stubs of compiled code, static libraries, byte code, programs, the packages named by --drop,
and the debug symbols of compiled extensions. What a wheel carries under NAME.libs or nvidia is stripped by its makers
already, and its layout does not survive a second time.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

HEADERS = {".h", ".hpp", ".hh", ".cuh", ".inl"}
SOURCES = {".c", ".cc", ".cpp", ".cu", ".pyx", ".pxd", ".pyi"}
STRIPPED_ALREADY = ("nvidia",)
# The one program that PyTorch starts by itself.
PROGRAMS_KEPT = {"torch_shm_manager"}

CUTS: dict[str, Callable[[Path], bool]] = {
    "tests": lambda path: path.is_dir() and path.name in {"tests", "test"} and path.parent.name != "torch",
    "headers": lambda path: path.suffix in HEADERS or (path.is_dir() and path.name == "include"),
    # An __init__.pyi can be read at run time: packages that load their modules late find them there (lazy_loader).
    "sources and stubs": lambda path: path.suffix in SOURCES and path.is_file() and path.name != "__init__.pyi",
    "static libraries": lambda path: path.suffix in {".a", ".lib"} and path.is_file(),
    "byte code": lambda path: path.name == "__pycache__",
    "build files": lambda path: (
        path.is_dir() and path.name in {"cmake", "pkgconfig"} and path.parent.name in {"share", "lib"}
    ),
    "programs": lambda path: (
        path.parent.name == "bin" and path.parent.parent.name == "torch" and path.name not in PROGRAMS_KEPT
    ),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--drop", action="append", default=[], metavar="PACKAGE", help="a package to leave out whole")
    parser.add_argument(
        "--remove", action="append", default=[], metavar="GLOB", help="files to leave out, below FOLDER"
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="keep the report here too")
    options = parser.parse_args()
    before = size_bytes(options.folder)
    cut = {"packages": sum(remove(path) for name in options.drop for path in packages(options.folder, name))}
    cut["named files"] = sum(
        remove(path) for pattern in options.remove for path in sorted(options.folder.glob(pattern))
    )
    for kind, is_cut in CUTS.items():
        cut[kind] = sum(remove(path) for path in sorted(options.folder.rglob("*")) if is_cut(path))
    cut["debug symbols"] = sum(strip(path) for path in sorted(options.folder.rglob("*.so*")) if is_ours_to_strip(path))
    lines = [f"{kind:20}{size / 1e6:9.1f} MB" for kind, size in cut.items() if size]
    after = size_bytes(options.folder)
    report = "\n".join([*lines, f"{'left of ' + format(before / 1e6, '.0f') + ' MB':20}{after / 1e6:9.1f} MB"])
    print(report)
    if options.write:
        options.write.parent.mkdir(parents=True, exist_ok=True)
        options.write.write_text(report + "\n", encoding="utf-8")
    return 0


def packages(folder: Path, name: str) -> list[Path]:
    """The folders of one distribution: its package and its metadata."""
    stem = name.replace("-", "_")
    return sorted({*folder.rglob(f"site-packages/{stem}"), *folder.rglob(f"site-packages/{stem}-*.dist-info")})


def is_ours_to_strip(path: Path) -> bool:
    """Whether a shared library was built with the package that holds it."""
    is_library = path.is_file() and not path.is_symlink() and (path.suffix == ".so" or ".so." in path.name)
    return is_library and not any(part.endswith(".libs") or part in STRIPPED_ALREADY for part in path.parts)


def strip(path: Path) -> int:
    """Take the debug symbols out of a library; the bytes that saved."""
    before = path.stat().st_size
    subprocess.run(["strip", "--strip-unneeded", str(path)], check=True)
    return before - path.stat().st_size


def remove(path: Path) -> int:
    """Delete a file or folder; the bytes that saved, 0 where it is gone with its folder already."""
    if not path.exists() and not path.is_symlink():
        return 0
    saved = size_bytes(path)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
    return saved


def size_bytes(path: Path) -> int:
    """The bytes of a file, or of all files of a folder."""
    files = [path] if not path.is_dir() else path.rglob("*")
    return sum(file.lstat().st_size for file in files if not file.is_dir() or file.is_symlink())


if __name__ == "__main__":
    sys.exit(main())
