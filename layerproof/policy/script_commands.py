"""The commands of scripts and make files with their lines, and which of them run one after the other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from layerproof.shell import simple_commands

# cat <<EOF, <<-'END'; not <<<
_HEREDOC = re.compile(r"(?<!<)<<-?\s*[\"']?(?P<word>\w+)")
# build_api() {, function build_api {, and what begins another way through a script
_FUNCTION = re.compile(r"^\s*(?:function\s+[\w:-]+\s*(?:\(\s*\))?|[\w:-]+\s*\(\s*\))\s*\{?\s*(?P<rest>.*)$")
_CASE = re.compile(r"^\s*[\w.*|\"' -]+\)\s*(?=docker)")
_BRANCH = re.compile(r"^\s*(?:(?:else|elif|case|esac)\b|\})|;;\s*$|^\s*[\w.*|\"' -]+\)\s*")
# all: base api, build-%:, .PHONY: all; not NAME := value
_TARGET = re.compile(r"^[^\s#=][^=]*?::?(?!=)")
# TAG=1.2, export TAG="1.2", IMAGE := example/app, IMAGE ?= example/app
_VARIABLE = re.compile(
    r"^(?:export\s+|readonly\s+)?(?P<name>[A-Za-z_]\w*)\s*[:?]*=\s*(?P<value>[\w./:@-]+|\"[^\"$`]*\"|'[^']*')$"
)
# $NAME, ${NAME}, ${NAME:-default}, $(NAME)
_USE = re.compile(r"\$(?:(?P<bare>[A-Za-z_]\w*)|[{(](?P<name>[A-Za-z_]\w*)(?::?-(?P<default>[^{}$]*))?[})])")


# $(git rev-parse HEAD), `date`, $(TAG) of a make file
_SUBSTITUTION = re.compile(r"\$\([^()]*\)|`[^`]*`")
# A quote that is open for longer is an apostrophe.
_MAX_QUOTED = 50


class Line(Struct, frozen=True):
    """
    A command line, continued ones joined.

    `block` counts the ways through a file: what stands in different functions, branches and recipes is not known to run
    one after the other.
    """

    number: int
    block: int
    commands: tuple[tuple[str, ...], ...]


def is_make_file(path: Path) -> bool:
    """Whether a file has recipes, each line of which starts in the same folder."""
    return path.suffix == ".mk" or path.name.lower() in ("makefile", "gnumakefile", "justfile")


def script_lines(path: Path, text: str) -> Iterator[Line]:
    """The lines of a script, of a make file or of a justfile; variables that are set to a literal expanded."""
    yield from shell_lines(text, is_make=is_make_file(path), values=_values(text))


def shell_lines(text: str, *, is_make: bool = False, values: Mapping[str, str] | None = None) -> Iterator[Line]:
    """The lines of a shell text."""
    block = 0
    for number, line in logical_lines(text):
        function = None if is_make else _FUNCTION.match(line)
        if is_make:
            block += _TARGET.match(line) is not None
            shown = line.strip().lstrip("@-+").replace("$$", "$") if line.startswith(("\t", " ")) else ""
        else:
            block += function is not None or _BRANCH.search(line) is not None
            shown = function["rest"] if function else _CASE.sub("", line)
        commands = tuple(command.words for command in simple_commands(_expanded(shown, values or {})))
        if commands:
            yield Line(number, block, commands)
        block += function is not None and line.rstrip().endswith("}")


def _expanded(line: str, values: Mapping[str, str]) -> str:
    """A line with the variables that are known; what another command prints is one that is not."""
    line = _USE.sub(lambda found: values.get(found["bare"] or found["name"], found["default"] or found.group(0)), line)
    return _SUBSTITUTION.sub("$_", line)


def _values(text: str) -> dict[str, str]:
    """The variables that are set once, to a literal."""
    values: dict[str, str] = {}
    again: set[str] = set()
    for line in text.splitlines():
        found = _VARIABLE.match(line.partition(" #")[0].rstrip())
        if found and values.get(found["name"], found["value"]) != found["value"]:
            again.add(found["name"])
        if found:
            values[found["name"]] = found["value"]
    return {name: value.strip("\"'") for name, value in values.items() if name not in again}


def logical_lines(text: str, *, heredocs: bool = False) -> Iterator[tuple[int, str]]:
    """
    Lines by the number of their first one: joined where they are continued or a quote is open.

    Args:
        heredocs: keep here-documents behind the line that they belong to; else they are left out.
    """
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        number, line = at + 1, lines[at]
        at += 1
        while at < len(lines) and line.endswith("\\"):
            line = f"{line[:-1]} {lines[at].strip()}"
            at += 1
        ends = range(at, min(at + _MAX_QUOTED, len(lines))) if _has_open_quote(line) else ()
        texts = ((n + 1, "\n".join([line, *lines[at : n + 1]])) for n in ends)
        at, line = next(((end, joined) for end, joined in texts if not _has_open_quote(joined)), (at, line))
        below = at
        for found in _HEREDOC.finditer(line):
            end = next((n for n in range(at, len(lines)) if lines[n].strip() == found["word"]), None)
            at = at if end is None else end + 1
        yield number, "\n".join([line, *lines[below:at]]) if heredocs else _HEREDOC.sub(" ", line)


def _has_open_quote(text: str) -> bool:
    quote, at = "", 0
    while at < len(text):
        character = text[at]
        if character == "\\" and quote != "'":
            at += 1
        elif character == "#" and not quote and (at == 0 or text[at - 1] in " \t\n;&|("):
            at = text.find("\n", at) if "\n" in text[at:] else len(text)
        elif character in "\"'" and quote in ("", character):
            quote = "" if quote else character
        at += 1
    return bool(quote)
