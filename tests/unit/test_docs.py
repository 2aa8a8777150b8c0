"""The pages: written from the code where they can be, and held against it where they are written by hand."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from urllib.parse import urlsplit

import pytest
from invoke.exceptions import ParseError
from invoke.parser import Parser, ParserContext
from markdown_it import MarkdownIt

import layerproof
from layerproof.tasks import namespace

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PACKAGE = Path(layerproof.__file__).parent
# Pages of every folder that has some; what tools have installed is none of ours.
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "*/README.md", "lab/*/README.md")
    for path in ROOT.glob(pattern)
    if not {"node_modules", ".venv"} & set(path.parts)
)
# Of the demo and of the tests, which CI reads out of the README.
COMMANDS = {"demo": "inv demo --install", "test": "/nox"}
LEAST_QUOTED = 10


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


reference = script("write_reference")
REFERENCE = reference.pages()


@pytest.mark.parametrize("name", REFERENCE)
def test_the_reference_is_what_the_code_says(name: str) -> None:
    path = DOCS / "reference" / name
    written = path.read_text() if path.is_file() else ""
    assert written == REFERENCE[name], "run: nox -s docs -- --update"


def test_the_reference_has_no_page_of_what_is_gone() -> None:
    assert {path.name for path in (DOCS / "reference").iterdir()} == set(REFERENCE)


@pytest.mark.parametrize("key", [key for key, _ in reference.config_keys()])
def test_every_key_of_the_configuration_says_what_it_is_for(key: str) -> None:
    assert reference.description(dict(reference.config_keys())[key])


@pytest.mark.parametrize("task", reference.tasks(), ids=lambda task: task.name)
def test_every_flag_says_what_it_does(task: object) -> None:
    assert [argument.name for argument in reference._arguments(task) if not argument.help] == []


def test_every_task_with_json_has_its_document_in_the_reference() -> None:
    documented = {name.split()[0] for names, _ in reference.DOCUMENTS for name in names}
    with_format = {
        task.name for task in reference.tasks() if any(item.name == "format" for item in reference._arguments(task))
    }
    assert with_format == documented


@pytest.mark.parametrize("name", COMMANDS)
def test_the_readme_has_the_commands_that_ci_runs(name: str) -> None:
    block = r"<!-- {} command -->\n```bash\n([^\n]+)\n```\n<!-- end -->\n"
    found = re.findall(block.format(name), (ROOT / "README.md").read_text())
    assert len(found) == 1
    assert COMMANDS[name] in found[0]


def code(path: Path) -> Iterator[tuple[int, str]]:
    """Each line of code of a page, with the line of the block or paragraph that it stands in."""
    for token in MarkdownIt().enable("table").parse(path.read_text()):
        line = token.map[0] + 1 if token.map else 0
        if token.type in ("fence", "code_block"):
            yield from ((line, text) for text in token.content.splitlines())
        for child in token.children or ():
            if child.type == "code_inline":
                yield line, child.content


def commands(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The words of each command of ours on a page: `$ inv build --service api    # comment`."""
    for line, text in code(path):
        for part in re.split(r" && |\|| > ", text):
            found = re.match(r"^(?:\$ |- run: |sudo |[A-Z_0-9]+=\S+ )*(?:inv|layerproof) ([a-z-].*)$", part.strip())
            if found:
                yield line, shlex.split(found[1], comments=True)


def known_tasks() -> list[ParserContext]:
    """What Invoke's parser knows. It takes the help texts out of the tasks: they are put back, for other tests."""
    texts = [(task, dict(task.help)) for task in reference.tasks()]
    found: list[ParserContext] = namespace.to_contexts()
    for task, text in texts:
        task.help.update(text)
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_on_a_page_is_one(path: Path) -> None:
    for line, words in commands(path):
        if words[0].startswith("-"):
            continue
        try:
            parsed = Parser(contexts=known_tasks()).parse_argv(words)
        except ParseError as error:
            pytest.fail(f"{path.relative_to(ROOT)}:{line}: {shlex.join(words)}: {error}")
        assert len(parsed) == 1, f"{path.relative_to(ROOT)}:{line}: {shlex.join(words)}: more than one task"


def test_the_commands_are_found() -> None:
    found = [words for _, words in commands(DOCS / "why.md")]
    assert ["why", "--against", "origin/main"] in found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_address_on_a_page_is_written_as_one(path: Path) -> None:
    tokens = (child for token in MarkdownIt().enable("table").parse(path.read_text()) for child in token.children or ())
    links = [str(token.attrGet("href")) for token in tokens if token.type == "link_open"]
    addresses = [urlsplit(link) for link in links if not re.match(r"^(?!\w+:)", link)]
    odd = [item.geturl() for item in addresses if item.scheme != "https" or "." not in item.netloc]
    assert odd == []


def messages() -> Iterator[str]:
    """The texts of the code, with `...` for what is put in."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "..." for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def quoted() -> list[str]:
    """The messages in the first column of troubleshooting's first table."""
    page = (DOCS / "troubleshooting.md").read_text()
    table = page.partition("## Said by layerproof")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)


@pytest.mark.parametrize("text", quoted())
def test_a_message_that_troubleshooting_quotes_is_one_of_the_code(text: str) -> None:
    # `port ..., which ... publishes`: each piece between the dots stands in one text, in this order
    pieces = [piece for piece in text.split("...") if piece.strip(" :,;()")]
    assert sum(map(len, pieces)) >= LEAST_QUOTED
    wanted = re.compile(".*".join(re.escape(piece.strip()) for piece in pieces), re.DOTALL)
    assert any(wanted.search(message) for message in messages())


def test_troubleshooting_quotes_what_it_is_about() -> None:
    assert len(quoted()) > 15


def test_every_page_is_reached_from_the_index() -> None:
    linked = set(re.findall(r"\]\(([\w./-]+\.md)", (DOCS / "README.md").read_text()))
    pages = {
        str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md") if path.parent.name not in ("rules", "reference")
    }
    assert pages - linked - {"README.md"} == set()
