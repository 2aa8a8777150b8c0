"""Benchmarks that are kept, and what is made of them for the docs."""

from __future__ import annotations

import json
from pathlib import Path

from layerproof.atomic import write_atomically
from layerproof.bench.results import BenchReport
from layerproof.errors import ConfigError
from layerproof.paths import STATE_FOLDER
from layerproof.report.bench import bench_document, parse_bench
from layerproof.report.bench_page import bench_markdown, bench_svg, put_into_page


def keep(root: Path, report: BenchReport) -> Path:
    """
    Write a report to `.layerproof/bench/<time>.json`.

    Raises:
        ConfigError: the folder cannot be written.
    """
    # 2026-11-21T14:00:00+00:00
    name = report.date.partition("+")[0].replace("-", "").replace(":", "").replace("T", "-")
    path = root / STATE_FOLDER / "bench" / f"{name}.json"
    _write(path, json.dumps(bench_document(report), indent=2) + "\n")
    return path


def load_kept(path: Path) -> BenchReport:
    """
    Read a report that was kept.

    Raises:
        ConfigError: there is none, or it is no such document.
    """
    try:
        return parse_bench(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path}: cannot be read: {error}", hint="inv bench keeps them in .layerproof/bench/."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path}: no document of inv bench: {error}", hint="Name one of .layerproof/bench/."
        ) from error


def last_kept(root: Path) -> BenchReport | None:
    """The newest one that can be read."""
    for path in sorted((root / STATE_FOLDER / "bench").glob("*.json"), reverse=True):
        try:
            return load_kept(path)
        except ConfigError:
            continue
    return None


def write_chart(path: Path, report: BenchReport) -> None:
    """Draw the chart."""
    _write(path, bench_svg(report))


def write_page(path: Path, report: BenchReport) -> None:
    """Put the tables between the markers of a page that is there."""
    try:
        page = put_into_page(path.read_text(encoding="utf-8"), bench_markdown(report))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error}", hint="Write the page first, with both markers.") from error
    _write(path, page)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error}", hint="Check the permissions.") from error
