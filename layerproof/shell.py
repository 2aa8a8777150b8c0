"""A shell text to its simple commands: the words of each, without what merely stands before them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

from msgspec import Struct

_CONTINUATION = re.compile(r"\\\r?\n")
# <<EOF, <<-'END'; not <<<
_HEREDOC = re.compile(r"(?<!<)<<(?P<dash>-?)\s*(?P<quote>[\"']?)(?P<word>\w+)(?P=quote)")
_SHELLS = ("sh", "bash", "ash", "dash", "zsh", "ksh")
# NAME=value, NAME+=value; not poetry==1.8
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=(?!=)")
_RESERVED = {"then", "else", "elif", "do", "if", "while", "until", "!", "{", "}", "time", "exec", "command", "nohup"}
# A Dockerfile's or a health check's own words, and a manager of package managers that runs the one named next.
_RESERVED |= {"RUN", "CMD", "ENTRYPOINT", "corepack"}
# Programs that run the command after their own options and operands: the options with a value, how many operands.
_WRAPPERS: dict[str, tuple[tuple[str, ...], int]] = {
    "sudo": (("-u", "-g", "-h", "-p", "-C", "-r", "-t"), 0),
    "env": (("-u", "-C", "-S"), 0),
    "nice": (("-n",), 0),
    "ionice": (("-c", "-n"), 0),
    "timeout": (("-s", "-k"), 1),
    "xargs": (("-n", "-I", "-P", "-d", "-L", "-s", "-a", "-E"), 0),
    "gosu": ((), 1),
    "su-exec": ((), 1),
    "chroot": ((), 1),
    "stdbuf": (("-i", "-o", "-e"), 0),
    "tini": (("-p", "-e"), 0),
    "dumb-init": (("-r", "--rewrite"), 0),
    "catatonit": ((), 0),
}
# Programs that run another one in an environment of theirs: the verb for that, and the options with a value.
_RUNNERS: dict[str, tuple[str, tuple[str, ...]]] = {
    **dict.fromkeys(
        ("conda", "mamba", "micromamba"),
        ("run", ("-n", "--name", "-p", "--prefix", "-r", "--root-prefix", "--cwd", "-e", "--env", "-a", "--attach")),
    ),
    **dict.fromkeys(("poetry", "pipenv", "pdm", "rye"), ("run", ("-C", "--directory", "-P", "--project", "-p"))),
    "bundle": ("exec", ()),
    "hatch": ("run", ()),
    "pipx": ("run", ("--spec", "--python", "--pip-args", "--index-url")),
    "uvx": ("", ("--from", "--with", "--python", "-p", "--index", "--index-url", "--extra-index-url")),
}
# poetry@1.8, poetry==1.8.3, flask[async]==3; not @scope/name
_VERSIONED = re.compile(r"^([A-Za-z][\w.-]*)(?:\[[\w,-]*\])?(?:@|==)\S*$")


class SimpleCommand(Struct, frozen=True):
    """A program with its words, quotes taken away; `environment` are the assignments before it."""

    words: tuple[str, ...]
    environment: tuple[str, ...] = ()


def simple_commands(text: str) -> Iterator[SimpleCommand]:
    """
    Every command of a text, in order: of both branches, in substitutions, in `sh -c`, in here-documents for a shell.

    No word of echo, of a comment or of a here-document that is the input of another program is one. A text that is no
    whole shell program (an open quote) is read without its quotes.
    """
    script = _without_comments(_CONTINUATION.sub(" ", _with_heredocs(text)))
    try:
        tokens = _tokens(script)
    except ValueError:
        tokens = _tokens(re.sub(r"[\"'\\]", " ", script))
    for words in _split(tokens):
        yield from _unwrapped(words)


def heredocs(text: str) -> Iterator[tuple[str, str]]:
    """The here-documents of a text, each with the word that it is opened by."""
    lines = text.split("\n")
    while lines:
        for found in _HEREDOC.finditer(lines.pop(0)):
            yield found["word"], _take_body(lines, found)


def _with_heredocs(text: str) -> str:
    """Here-documents for a shell become part of the text; those for other programs go."""
    lines, result = text.split("\n"), []
    while lines:
        line = lines.pop(0)
        found = list(_HEREDOC.finditer(line))
        if not found:
            result.append(line)
            continue
        bodies = [_take_body(lines, item) for item in found]
        rest = _HEREDOC.sub(" ", line)
        result.append(rest)
        reader = next((words for words in _split(_safe_tokens(rest)) if words), [])
        program = [word for word in reader if word not in _RESERVED and not word.startswith("-")][:1]
        if not program or program[0].rsplit("/", 1)[-1] in _SHELLS:
            result += bodies
    return "\n".join(result)


def _take_body(lines: list[str], opening: re.Match[str]) -> str:
    """A here-document, which is taken from the lines together with its end."""
    body = []
    while lines and (lines[0].lstrip("\t") if opening["dash"] else lines[0]).rstrip("\r") != opening["word"]:
        body.append(lines.pop(0))
    del lines[:1]
    return "\n".join(body)


def _without_comments(text: str) -> str:
    kept, quote, at = [], "", 0
    while at < len(text):
        character = text[at]
        if character == "\\" and quote != "'":
            kept.append(text[at : at + 2])
            at += 2
            continue
        if character == "#" and not quote and (at == 0 or text[at - 1] in " \t\n;&|("):
            at = text.find("\n", at) if "\n" in text[at:] else len(text)
            continue
        if character in "\"'" and quote in ("", character):
            quote = "" if quote else character
        kept.append(character)
        at += 1
    return "".join(kept)


def _tokens(text: str) -> list[str]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars="();<>|&`\n")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
    return list(lexer)


def _safe_tokens(text: str) -> list[str]:
    try:
        return _tokens(text)
    except ValueError:
        return text.split()


def _split(tokens: Sequence[str]) -> Iterator[list[str]]:
    """Simple commands, without their redirections."""
    words: list[str] = []
    skip = False
    for token in tokens:
        if token and set(token) <= set("();<>|&`\n"):
            skip = bool(set(token) & set("<>"))
            if not skip:
                yield words
                words = []
        elif skip:
            skip = False
        else:
            words.append(token)
    yield words


def _unwrapped(words: list[str]) -> Iterator[SimpleCommand]:
    environment: list[str] = []
    while words:
        word, name = words[0], words[0].rsplit("/", 1)[-1]
        if _ASSIGNMENT.match(word):
            environment.append(word)
            words = words[1:]
        elif word in _RESERVED or word.startswith("--"):  # RUN --mount=type=cache,target=/x
            words = words[1:]
        elif name in _WRAPPERS:
            words = _after_options(words[1:], *_WRAPPERS[name])
        elif name in _RUNNERS and (inner := _run_by(words[1:], *_RUNNERS[name])):
            words = inner
        elif name in (*_SHELLS, "su", "CMD-SHELL"):
            script = " ".join(words[1:]) if name == "CMD-SHELL" else _script_of(words[1:])
            yield from simple_commands(script) if script else ()
            return
        else:
            yield SimpleCommand(tuple(words), tuple(environment))
            return


def _after_options(words: list[str], valued: tuple[str, ...], operands: int) -> list[str]:
    while words and (words[0].startswith("-") or _ASSIGNMENT.match(words[0])):
        words = words[2:] if words[0] in valued else words[1:]
    return words[operands:]


def _run_by(words: list[str], verb: str, valued: tuple[str, ...]) -> list[str]:
    """What `conda run -n x pip install y` runs, without the version that is asked for; [] where it runs nothing."""
    rest = _after_options(words, valued, 0)
    if verb and rest[:1] != [verb]:
        return []
    rest = _after_options(rest[1:] if verb else rest, valued, 0)
    return [_VERSIONED.sub(r"\1", rest[0]), *rest[1:]] if rest else []


def _script_of(words: Sequence[str]) -> str:
    """What a shell is told to run: all that follows -c, -ec, -lc; "" where it reads a file."""
    for at, word in enumerate(words):
        if word.startswith("-") and not word.startswith("--") and word.endswith("c"):
            return " ".join(words[at + 1 :])
    return ""
