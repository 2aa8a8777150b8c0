"""What is published, installed where nothing of this repository is."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
import venv
import zipfile
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from .conftest import COMMAND, Distributions, Installed, Repo

SERVICE = {
    "compose.yaml": "name: lpf-package\nservices:\n  api: {build: api}\n",
    "api/Dockerfile": "FROM scratch\nCOPY index.html /\n",
    "api/index.html": "hi",
}
NOXFILE = "import nox\n\nfrom layerproof.sessions import prove, validate\n\nnox.options.sessions = ['validate']\n"
TASKS = "from layerproof.tasks import namespace\n"
MORE_TASKS = """\
from pathlib import Path

from invoke import Collection, task
from layerproof.tasks import namespace as layerproof

@task
def hello(c):
    print("hello")

namespace = Collection(hello, images=layerproof)
namespace.configure({"layerproof": {"root": str(Path(__file__).parent), "files": ["stack.yml"]}})
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    for name, text in SERVICE.items():
        path = tmp_path / "a shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "a shop"


def call(command: list[str | Path], cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_wheel_holds_the_package_and_nothing_else(distributions: Distributions) -> None:
    with zipfile.ZipFile(distributions.wheel) as archive:
        names = archive.namelist()
    top = {name.partition("/")[0] for name in names}
    assert top == {"layerproof", next(name for name in top if name.endswith(".dist-info"))}
    assert "layerproof/py.typed" in names
    assert [
        name for name in names if re.search(r"(^|/)(tests?|lab|bench/naive|docker)/|test_|Dockerfile$|\.toml$", name)
    ] == []


def test_the_source_distribution_holds_what_is_needed_to_build_it(distributions: Distributions) -> None:
    with tarfile.open(distributions.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    others = {name for name in names if not name.startswith("layerproof/")}
    known = {"CHANGELOG.md", "LICENSE", "PKG-INFO", "README.md", "hatch_build.py", "pyproject.toml", ".gitignore"}
    assert others <= known
    assert {"pyproject.toml", "layerproof/py.typed", "layerproof/report/html/report.js"} <= names


def test_an_editable_install_is_compiled(distributions: Distributions, tmp_path: Path) -> None:
    with tarfile.open(distributions.sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    source = next(tmp_path.iterdir())
    venv.create(tmp_path / "venv", with_pip=True)
    done = call([tmp_path / "venv/bin/pip", "install", "--quiet", "--no-deps", "--editable", source], tmp_path)
    assert done.returncode == 0, done.stderr
    modules = list((source / "layerproof").rglob("*.py"))
    assert modules
    assert [module for module in modules if not Path(cache_from_source(module)).is_file()] == []


def test_only_what_it_declares_is_needed(installed: Installed, tmp_path: Path) -> None:
    assert call([installed.python, "-m", "pip", "check"], tmp_path).returncode == 0
    modules = (
        "import pkgutil, importlib, layerproof\n"
        "for item in pkgutil.walk_packages(layerproof.__path__, 'layerproof.'):\n"
        "    item.name.endswith('__main__') or importlib.import_module(item.name)\n"
    )
    done = call([installed.python, "-W", "error", "-c", modules], tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        pytest.param(["--list"], 0, "prove", id="list"),
        pytest.param(["graph"], 0, "service api", id="graph"),
        pytest.param(["bases"], 0, "has no base images", id="bases"),
        pytest.param(["lab"], 2, "has no lab: there is no lab/lab.toml", id="lab"),
        pytest.param(["demo"], 2, "the demo shows the snowboard coach", id="demo"),
        pytest.param(["bench", "--dry-run"], 0, "api", id="bench"),
        pytest.param(["weights"], 0, "", id="weights"),
        pytest.param(["ps"], 0, "", id="ps"),
    ],
)
def test_each_task_works_elsewhere_or_says_why_not(
    installed: Installed, shop: Path, repo: Repo, words: list[str], code: int, said: str
) -> None:
    done = call([installed.command, *words], shop)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert said in done.stdout + done.stderr
    assert not re.search(r"\binv [a-z]", done.stderr), "the console command names itself"


def test_an_existing_tasks_file_takes_the_tasks_over(installed: Installed, shop: Path) -> None:
    (shop / "tasks.py").write_text(TASKS)
    done = call([installed.python.with_name("inv"), "graph", "--format", "json"], shop / "api")
    assert [image["image"] for image in json.loads(done.stdout)["images"]] == ["api"], done.stderr


def test_the_tasks_stand_beside_others_with_a_root_and_files_of_their_own(installed: Installed, shop: Path) -> None:
    (shop / "compose.yaml").rename(shop / "stack.yml")
    (shop / "tasks.py").write_text(MORE_TASKS)
    inv = installed.python.with_name("inv")
    assert call([inv, "hello"], shop / "api").stdout == "hello\n"
    done = call([inv, "images.graph", "--format", "json"], shop / "api")
    assert [image["image"] for image in json.loads(done.stdout)["images"]] == ["api"], done.stderr


def test_imported_sessions_are_sessions_and_no_others_are(installed: Installed, shop: Path) -> None:
    (shop / "noxfile.py").write_text(NOXFILE)
    nox = installed.python.with_name("nox")
    listed = call([nox, "--list"], shop)
    assert re.findall(r"^[*-] (\w+)", listed.stdout, re.MULTILINE) == ["prove", "validate"], listed.stderr
    run = call([nox, "-s", "validate", "--", "--format", "json"], shop)
    assert '"rule": "LP005"' in run.stdout, run.stderr


SHELLS = {
    "bash": """\
        source ./script
        COMP_WORDS=(layerproof {words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        _layerproof layerproof; printf '%s\\n' "${{COMPREPLY[@]}}"
        """,
    "fish": "source ./script; complete --do-complete 'layerproof {line}'",
}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(["bu"], {"build"}, id="a task"),
        pytest.param(["build", "--no"], {"--no-cache"}, id="a flag"),
        pytest.param(["build", "--service", "a"], {"api"}, id="a service of the project"),
        pytest.param(["check", "--format", "s"], {"sarif"}, id="a value"),
    ],
)
def test_completion_works_in_the_shell(
    installed: Installed, shop: Path, shell: str, words: list[str], expected: set[str]
) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    script = call([installed.command, "--print-completion-script", shell], shop)
    (shop / "script").write_text(script.stdout)
    text = SHELLS[shell].format(words=" ".join(f"'{word}'" for word in words), line=" ".join(words))
    path = f"{installed.command.parent}{os.pathsep}{os.environ['PATH']}"
    done = call([shell, "-c", text], shop, PATH=path, HOME=str(shop))
    assert set(done.stdout.split()) == expected, done.stderr


def test_a_folder_without_a_project_is_a_clear_error(installed: Installed, tmp_path: Path) -> None:
    done = call([installed.command, "build"], tmp_path)
    assert done.returncode == 2
    assert "no compose file" in done.stderr
    assert "next: Run from the project's folder" in done.stderr


@pytest.mark.parametrize(
    ("words", "code"),
    [
        pytest.param(["--list"], 0, id="the tasks"),
        pytest.param(["--help", "build"], 0, id="help"),
        pytest.param(["rules"], 0, id="a table"),
        pytest.param(["check", "--tool", "layerproof"], 1, id="findings"),
        pytest.param(["check", "--tool", "layerproof", "--format", "json"], 1, id="findings as JSON"),
        pytest.param(["check", "--tool", "layerproof", "--format", "github"], 1, id="findings as annotations"),
        pytest.param(["check", "--tool", "layerproof", "--format", "sarif"], 1, id="findings as SARIF"),
    ],
)
def test_a_reader_that_leaves_early_changes_no_exit_code(shop: Path, words: list[str], code: int) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [str(COMMAND), *words], cwd=shop, stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (code, "")
