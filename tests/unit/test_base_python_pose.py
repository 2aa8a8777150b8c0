"""The files of docker/base-python-pose that need no engine: versions, locks, and the scripts of its build."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
import tomli

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docker" / "base-python-pose"
VERSIONS = tomli.loads((FOLDER / "versions.toml").read_text())
SETS = sorted(VERSIONS["sets"])


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"base_python_pose_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


lock, check, shrink = script("lock"), script("check"), script("shrink")


def pins(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==([^\s;\\]+)", (FOLDER / name).read_text(), re.MULTILINE))


def test_the_dockerfile_names_what_the_version_sets_say() -> None:
    assert lock.dockerfile(VERSIONS) == (FOLDER / "Dockerfile").read_text()


@pytest.mark.parametrize("name", SETS)
def test_a_set_is_locked_as_it_is_written(name: str) -> None:
    locked = {
        package: version
        for part in ("first", "torch", "hmr2")
        for package, version in pins(f"requirements.{part}-{name}.lock").items()
    }
    exact = dict(text.split("==") for text in VERSIONS["sets"][name]["packages"] if "==" in text)
    assert {package: locked[package] for package in exact} == exact


@pytest.mark.parametrize("name", SETS)
def test_a_set_pins_every_source_by_commit(name: str) -> None:
    commits = VERSIONS["sets"][name]["commits"]
    assert commits.keys() == VERSIONS["repositories"].keys()
    assert all(re.fullmatch(r"[0-9a-f]{40}", commit) for commit in commits.values())


@pytest.mark.parametrize("name", SETS)
def test_pytorch_is_locked_apart_from_the_rest(name: str) -> None:
    torch, rest = pins(f"requirements.torch-{name}.lock"), pins(f"requirements.hmr2-{name}.lock")
    first = pins(f"requirements.first-{name}.lock")
    assert {"torch", "torchvision"} <= torch.keys()
    assert {"joblib", "numpy", "typing-extensions"} <= first.keys()
    assert not torch.keys() & rest.keys()
    assert not first.keys() & (torch.keys() | rest.keys())


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.lock")), ids=lambda path: path.name)
def test_every_locked_package_has_hashes(path: Path) -> None:
    blocks = re.split(r"^(?=\w)", path.read_text(), flags=re.MULTILINE)[1:]
    assert blocks
    assert all("--hash=sha256:" in block for block in blocks)


@pytest.mark.parametrize(
    "name", ["mediapipe", *(f"{part}-{name}" for part in ("first", "torch", "hmr2") for name in SETS)]
)
def test_what_the_service_adds_is_no_other_version_of_what_the_base_has(name: str) -> None:
    # Both are laid into one folder.
    service = dict(
        re.findall(r"^([a-z0-9._-]+)==([^\s;\\]+)", (ROOT / "pose-service/requirements.lock").read_text(), re.M)
    )
    base = pins(f"requirements.{name}.lock")
    shared = service.keys() & base.keys()
    assert {package: service[package] for package in shared} == {package: base[package] for package in shared}


def test_an_import_that_fails_is_named_with_its_traceback() -> None:
    (problem,) = check.failed_imports(["json", "no_such_module"])
    assert problem.startswith("import no_such_module:")
    assert "ModuleNotFoundError" in problem


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param("pytest=={version}", None, id="as locked"),
        pytest.param("pytest==0.0.1", "pytest==0.0.1 is locked", id="another version"),
        pytest.param("no-such-package==1.0", "nothing is installed", id="missing"),
        pytest.param("no-such-package==1.0 ; python_version < '3'", None, id="for another Python"),
    ],
)
def test_what_is_installed_is_compared_with_the_lock(tmp_path: Path, line: str, reason: str | None) -> None:
    file = tmp_path / "a.lock"
    file.write_text(line.format(version=pytest.__version__) + " \\\n    --hash=sha256:0\n")
    problems = list(check.differences([file]))
    assert [reason in problem for problem in problems] == ([True] if reason else [])


def test_the_versions_are_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modules = tmp_path / "modules.txt"
    modules.write_text("# a comment\njson\n")
    monkeypatch.setattr(sys, "argv", ["check.py", str(modules), "--write", str(tmp_path / "out")])
    assert check.main() == 0
    assert f"pytest {pytest.__version__}" in (tmp_path / "out" / "versions.txt").read_text().splitlines()


def test_shrinking_takes_what_does_not_run_and_keeps_what_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site = tmp_path / "lib" / "python3.10" / "site-packages"
    gone = [
        "a/tests/test_a.py",
        "torch/include/ATen/ATen.h",
        "nvidia/cudnn/include/cudnn.h",
        "a/lib.a",
        "a/a.pyi",
        "a/a.cu",
        "a/__pycache__/a.cpython-310.pyc",
        "triton/compiler.py",
        "triton-2.3.1.dist-info/METADATA",
        "torch/bin/protoc",
        "torch/share/cmake/Torch/TorchConfig.cmake",
    ]
    kept = [
        "a/a.py",
        "a/testing.py",
        "a/__init__.pyi",
        "torch/bin/torch_shm_manager",
        "tritonclient/a.py",
        "nvidia/cudnn/lib/libcudnn.so.8",
    ]
    for name in [*gone, *kept]:
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_bytes(b"x" * 1000)
    report = tmp_path / "cut.txt"
    monkeypatch.setattr(sys, "argv", ["shrink.py", str(tmp_path), "--drop", "triton", "--write", str(report)])
    assert shrink.main() == 0
    left = {str(path.relative_to(site)) for path in site.rglob("*") if path.is_file()}
    assert left == set(kept)
    assert report.read_text() == capsys.readouterr().out
    assert "left of 0 MB" in report.read_text()
