"""
Write docs/reference from the code: the tasks from their docstrings and flags, the configuration keys from the model,
the JSON documents from what makes them, the exit codes from the tree of errors.

    python docs/write_reference.py            # or: nox -s docs -- --update
    python docs/write_reference.py --check    # exit code 1 when a page is stale

A test compares the pages as well.
"""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from invoke.parser.argument import Argument
from invoke.tasks import Task

from layerproof import errors
from layerproof.report import affected, audit, bench, document, findings, init, rules, why
from layerproof.settings import Config, Table
from layerproof.tasks import namespace
from layerproof.tasks.console import INTERRUPTED
from layerproof.validation import parts_of
from layerproof.workflow import report

FOLDER = Path(__file__).with_name("reference")
WIDTH = 100
NOTE = "<!-- Written from the code by `nox -s docs -- --update`; a test compares them. -->\n"
# The tasks that write each document with `--format json`. One that is not here is missed by a test.
DOCUMENTS: tuple[tuple[tuple[str, ...], Callable[..., object]], ...] = (
    (("bases", "build"), document.build_document),
    (("prove",), document.proof_document),
    (("affected",), affected.affected_document),
    (("init",), init.init_document),
    (("why",), why.why_document),
    (("check",), findings.findings_document),
    (("rules",), rules.rules_document),
    (("audit",), audit.audits_document),
    (("audit --against",), audit.comparison_document),
    (("bench",), bench.bench_document),
    (("report",), report.collect),
    (("doctor", "verify"), document.checks_document),
    (("weights",), document.weights_document),
    (("ps",), document.stack_document),
    (("graph",), document.graph_document),
    (("images",), document.images_document),
    (("cache",), document.cache_document),
    (("lab",), document.lab_document),
)
# What stands for a name of yours in the path of a key, and the table with such names.
NAMES = {"services": "S", "profiles": "P"}


def pages() -> dict[str, str]:
    """The files of docs/reference by name."""
    return {
        "README.md": _index(),
        "tasks.md": _tasks_page(),
        "configuration.md": _configuration_page(),
        "json.md": _json_page(),
        "exit-codes.md": _exit_codes_page(),
    }


def tasks() -> list[Task[Any]]:
    """Every task, in the order of the collection."""
    return [namespace[name] for name in namespace.task_names]


def config_keys(table: type[Table] = Config, path: str = "") -> Iterator[tuple[str, msgspec.structs.FieldInfo]]:
    """Every key of the configuration as `services.S.gpu`, with its field; tables are gone into."""
    for field in msgspec.structs.fields(table):
        key = f"{path}{field.encode_name}"
        inner = _table_in(field.type)
        if not inner or description(field):
            yield key, field
        if inner:
            named = f".{NAMES.get(field.name, 'NAME')}" if get_origin(parts_of(field.type)[0]) is dict else ""
            yield from config_keys(inner, f"{key}{named}.")


def _table_in(kind: Any) -> type[Table] | None:
    """The table that a type holds: `dict[str, ServiceConfig]`, `AuditConfig | None`."""
    if isinstance(kind, type) and issubclass(kind, Table):
        return kind
    return next((found for part in get_args(kind) if (found := _table_in(part))), None)


def description(field: msgspec.structs.FieldInfo) -> str:
    """What the field's own annotation says that it is; "" for a table that is described by its keys."""
    notes = get_args(field.type)[1:] if get_origin(field.type) is Annotated else ()
    return next((note.description for note in notes if isinstance(note, msgspec.Meta) and note.description), "")


def _index() -> str:
    return f"""{NOTE}# Reference

Written from the code, so that it says what the code does.

- [Tasks](tasks.md): every command with its flags and examples
- [Configuration](configuration.md): every key of `[tool.layerproof]`
- [JSON](json.md): what `--format json` writes
- [Exit codes](exit-codes.md)
- [Rules](../rules/README.md): what `check` looks for, a page for each
"""


def _tasks_page() -> str:
    rows = "\n".join(f"| [`{task.name}`](#{task.name}) | {_paragraphs(task)[0]} |" for task in tasks())
    head = f"""{NOTE}# Tasks

`inv TASK` in a repository with a tasks.py, `layerproof TASK` in any other: the same. `--help TASK` shows a section of
this page, `--list` the table. Exit codes: [one page](exit-codes.md).

| task | what it does |
|---|---|
{rows}
"""
    return head + "".join(_task_section(task) for task in tasks())


def _task_section(task: Task[Any]) -> str:
    text, _, examples = inspect.cleandoc(task.__doc__ or "").partition("\nExamples:\n")
    section = f"\n## {task.name}\n\n{text.strip()}\n"
    if examples:
        section += f"\n```bash\n{textwrap.dedent(examples).strip()}\n```\n"
    rows = [_flag_row(argument) for argument in _arguments(task)]
    if rows:
        section += "\n| flag | default | |\n|---|---|---|\n" + "\n".join(rows) + "\n"
    return section


def _arguments(task: Task[Any]) -> list[Argument]:
    """Its flags. Invoke takes the help texts out of the task when it is asked for them: they are put back."""
    texts = dict(task.help)
    found: list[Argument] = task.get_arguments()
    task.help.update(texts)
    return found


def _paragraphs(task: Task[Any]) -> list[str]:
    return [" ".join(part.split()) for part in inspect.cleandoc(task.__doc__ or "").split("\n\n")]


def _flag_row(argument: Argument) -> str:
    """`| `--service NAME`, `-s` | | Build this service only; repeat it. |`"""
    name, *short = (f"`{'--' if len(flag) > 1 else '-'}{flag}" for flag in argument.names)
    value = "" if argument.kind is bool else f" {'NUMBER' if argument.kind is int else 'TEXT'}"
    no = f"`--no-{argument.name}`" if argument.kind is bool and argument.default is True else ""
    flags = ", ".join([f"{name}{value}`", *(f"{flag}`" for flag in short), *([no] if no else [])])
    shown = argument.kind is not list and argument.default not in ("", None, False)
    default = f"`{str(argument.default).lower()}`" if shown else ""
    return f"| {flags} | {default} | {_cell(argument.help or '')} |"


def _configuration_page() -> str:
    rows = "\n".join(
        f"| `{key}` | {_kind(field)} | {_default(field)} | {_cell(description(field))} |"
        for key, field in config_keys()
    )
    return f"""{NOTE}# Configuration keys

`[tool.layerproof]`; everything is optional. `S` stands for the name of a service, `P` for that of a profile, `NAME` for
any other of yours. An unknown key is an error that names it. What the tables are for, with examples:
[configuration](../configuration.md).

| key | type | default | meaning |
|---|---|---|---|
{rows}
"""


def _kind(field: msgspec.structs.FieldInfo) -> str:
    """`text`, `number`, `yes or no`, `list`, `table`, or the words that it can be."""
    names = {bool: "yes or no", int: "number", float: "number", str: "text", tuple: "list", dict: "table"}
    parts = [part for part in parts_of(field.type) if part is not NoneType]
    if get_origin(parts[0]) is Literal:
        return " or ".join(f'`"{word}"`' for word in get_args(parts[0]))
    return " or ".join(names[get_origin(part) or part] for part in parts)


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "*required*"
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    if value in (None, "", (), {}):
        return ""
    return (
        f"`{str(value).lower()}`"
        if isinstance(value, bool)
        else f"`{value:g}`"
        if isinstance(value, float)
        else f"`{value}`"
    )


def _json_page() -> str:
    sections = "".join(_json_section(names, made_by) for names, made_by in DOCUMENTS)
    return f"""{NOTE}# JSON

What `--format json` writes to stdout; progress goes to stderr. Every document has `"schema": 1`: within a schema keys
are added and never changed. `lab` says that [stand-ins](../lab.md) of upstream images were used. Times are seconds,
sizes bytes.

Besides, `check --format sarif` writes SARIF 2.1.0, `check --format github` annotations, `prove --format junit` JUnit,
and `graph --format bake` the definition that buildx gets.
{sections}"""


def _json_section(names: tuple[str, ...], made_by: Callable[..., object]) -> str:
    # `{"schema", "images": [...]}`; null: there is no such image.
    text = " ".join(inspect.cleandoc(made_by.__doc__ or "").partition("\n\n")[0].split())
    found = re.match(r"`(\{.*?\})`[.;]?\s*(.*)", text)
    if found is None:
        raise SystemExit(f"{made_by.__qualname__}: its docstring has to begin with the shape of the document")
    note = found[2][:1].upper() + found[2][1:]
    heading = ", ".join(f"`{name}`" for name in names)
    anchor = f'<a id="{names[0].replace(" --", "-")}"></a>\n\n'
    return f"\n{anchor}## {heading}\n\n```text\n{_laid_out(found[1])}\n```\n" + (
        f"\n{note.rstrip('.')}.\n" if note else ""
    )


def _laid_out(shape: str) -> str:
    """A line for each key with a table or a list of tables, indented as deep as it stands; long lines are wrapped."""
    # , "images": [{"image", "steps": [{"stage"
    broken = re.sub(r', (?="\w+": \[?\{)', lambda comma: f",\n{'  ' * _depth(shape[: comma.start()])}", shape)
    lines = (
        textwrap.wrap(
            line.strip(),
            WIDTH,
            initial_indent=line[: len(line) - len(line.lstrip())],
            subsequent_indent=line[: len(line) - len(line.lstrip())] + "  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in broken.splitlines()
    )
    return "\n".join(part for parts in lines for part in parts)


def _depth(text: str) -> int:
    return text.count("{") - text.count("}")


def _exit_codes_page() -> str:
    tree = sorted(
        (error.exit_code, inspect.cleandoc(error.__doc__ or "").splitlines()[0].rstrip("."))
        for _, error in inspect.getmembers(errors, inspect.isclass)
        if issubclass(error, errors.LayerproofError) and error is not errors.LayerproofError
    )
    rows = "\n".join(f"| {code} | {text} |" for code, text in tree)
    return f"""{NOTE}# Exit codes

0 it holds, 1 findings or something that does not hold, 2 usage or configuration, 3 no engine, 4 the build failed.

| code | when |
|---|---|
| 0 | It holds; everything was done |
| 1 | `check` or `audit` found something, something does not hold, a goal was missed, or a question got no yes |
{rows}
| {INTERRUPTED} | Ctrl-C, SIGTERM, or a terminal that was closed |

Findings and proofs that do not hold are results: they are on stdout, in every format. Errors are on stderr, as
`error: ...` and `next: ...`. `inv` itself, of Invoke, ends with 1 on a flag that it does not know; `layerproof` with 2.
"""


def _cell(text: str) -> str:
    """A text of the code as a cell of a table."""
    return text.replace("|", "\\|")


def main(words: list[str]) -> int:
    """Write the pages, or compare them."""
    stale = [
        name for name, text in pages().items() if not (FOLDER / name).is_file() or (FOLDER / name).read_text() != text
    ]
    gone = [path for path in FOLDER.glob("*.md") if path.name not in pages()]
    if "--check" in words:
        for name in [*stale, *(path.name for path in gone)]:
            sys.stderr.write(f"docs/reference/{name} is stale: nox -s docs -- --update\n")
        return 1 if stale or gone else 0
    FOLDER.mkdir(exist_ok=True)
    for name in stale:
        (FOLDER / name).write_text(pages()[name])
    for path in gone:
        path.unlink()
    sys.stdout.write(f"{len(stale)} of {len(pages())} pages written, {len(gone)} removed\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
