"""Completion in the shell: tasks, flags, and the values of flags, those of the project included."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from layerproof.config import load_config
from layerproof.errors import LayerproofError, UsageError
from layerproof.roots import find_root, naming_files
from layerproof.tasks.console import FORMATS

if TYPE_CHECKING:
    from invoke.parser.argument import Argument
    from invoke.parser.context import ParserContext

    from layerproof.model import Service

# The words up to the cursor go to the command, which prints what fits, one a line. Nothing means files.
_SCRIPTS = {
    "bash": """\
_layerproof() {
    local IFS=$'\\n'
    COMPREPLY=( $("$1" --complete -- "${COMP_WORDS[@]:0:COMP_CWORD+1}" 2>/dev/null) )
}
complete -o default -F _layerproof layerproof
""",
    "zsh": """\
#compdef layerproof
_layerproof() {
    local -a found
    found=("${(@f)$("${words[1]}" --complete -- "${(@)words[1,CURRENT]}" 2>/dev/null)}")
    if [[ -n "${found[1]}" ]]; then compadd -a found; else _files; fi
}
if [[ "${funcstack[1]}" == "_layerproof" ]]; then _layerproof "$@"; else compdef _layerproof layerproof; fi
""",
    "fish": """\
function __layerproof_complete
    set -l words (commandline --current-process --tokenize --cut-at-cursor)
    set -l current (commandline --current-token --cut-at-cursor)
    set -l found ($words[1] --complete -- $words "$current" 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\\n' $found
    else
        __fish_complete_path "$current"
    end
end
complete --command layerproof --no-files --arguments '(__layerproof_complete)'
""",
}
# What a task can write beside text and JSON.
MORE_FORMATS = {
    "affected": ("matrix",),
    "check": ("github", "sarif"),
    "graph": ("bake",),
    "prove": ("junit", "markdown", "svg"),
}
# Tasks that take any service of the compose file; the others take what is built.
_OF_STACK = ("up", "logs", "restart", "ps", "watch")


def completion_script(shell: str) -> str:
    """
    What a shell has to read once.

    Raises:
        UsageError: another shell.
    """
    if shell not in _SCRIPTS:
        raise UsageError(f"there is no completion for {shell!r}", hint=f"Known: {', '.join(sorted(_SCRIPTS))}.")
    return _SCRIPTS[shell]


def complete(words: Sequence[str], *, core: ParserContext, tasks: Mapping[str, ParserContext]) -> list[str]:
    """
    What the last word may become; nothing where a file may stand.

    Args:
        words: those behind the command, up to the cursor; the last one is "" where a new one begins.
        core: the flags before a task.
        tasks: by name, the flags of each.
    """
    *before, last = _joined(words or [""])
    line = _Line(core, tasks)
    for word in before:
        line.enter(word)
    flag, head = line.waiting, ""
    if found := re.fullmatch(r"(--[\w-]+=)(.*)", last):
        # --format=js, where the shell has not taken it apart
        head, last = found[1], found[2]
        flag = line.argument(head[:-1])
    if flag is not None:
        return [head + value for value in sorted(_values(flag, line)) if value.startswith(last)]
    if not line.task and not last.startswith("-"):
        return sorted(name for name in tasks if name.startswith(last))
    flags = set(tasks[line.task].flag_names()) if line.task else set()
    flags |= {"--help"} if line.task else set(core.flag_names())
    return sorted(name for name in flags if name.startswith(last) and (name.startswith("--") or last == "-"))


class _Line:
    """
    What stands before the cursor.

    Attributes:
        task: the task that the words have come to; "" for none.
        waiting: the flag that wants a value now.
        given: the values of flags so far, by name.
    """

    def __init__(self, core: ParserContext, tasks: Mapping[str, ParserContext]) -> None:
        self.core, self.tasks = core, tasks
        self.task = ""
        self.waiting: Argument | None = None
        self.given: dict[str, list[str]] = {}

    def enter(self, word: str) -> None:
        """Take the next word."""
        if self.waiting is not None:
            self.given.setdefault(str(self.waiting.name), []).append(word)
            self.waiting = None
        elif word.startswith("-"):
            name, has_value, value = word.partition("=")
            found = self.argument(name)
            if found is not None and has_value:
                self.given.setdefault(str(found.name), []).append(value)
            elif found is not None and found.takes_value:
                self.waiting = found
        elif word in self.tasks:
            self.task = word

    def argument(self, word: str) -> Argument | None:
        """The flag of the task, or the one before a task, that is written so."""
        contexts = [self.tasks[self.task], self.core] if self.task else [self.core]
        # Invoke's mapping knows the short forms by [], not by get().
        return next((context.flags[word] for context in contexts if word in context.flags), None)

    def root(self) -> Path:
        """The folder of the project."""
        given = self.given.get("root")
        return Path(given[-1]) if given else find_root(Path.cwd())

    def services(self) -> tuple[Service, ...]:
        """The services of the project; Compose is asked, no engine."""
        from layerproof.engine.docker import DockerEngine
        from layerproof.workflow.load import load

        root, files = self.root(), [Path(name).resolve() for name in self.given.get("file", ())]
        environment = naming_files(os.environ, files, root=root) if files else os.environ
        return load(root, engine=DockerEngine(), environment=environment, with_images=False).services


def _joined(words: Sequence[str]) -> list[str]:
    """Bash takes `--format=js` apart at the sign; here a value stands behind its flag."""
    kept = [word for word in words if word != "="]
    return [*kept, ""] if words[-1] == "=" else kept


def _values(flag: Argument, line: _Line) -> Sequence[str]:
    name = str(flag.name)
    if name == "format":
        return (*FORMATS, *MORE_FORMATS.get(line.task, ()))
    fixed = {"help": tuple(line.tasks), "print-completion-script": tuple(_SCRIPTS), "part": ("naive", "tools")}
    if name in fixed:
        return fixed[name]
    try:
        return _values_of_project(name, line)
    except LayerproofError:
        return ()


def _values_of_project(name: str, line: _Line) -> Sequence[str]:
    if name == "profile":
        return tuple(load_config(line.root()).profiles)
    if name == "rule":
        from layerproof.policy import load_rules

        return [rule.id for rule in load_rules()]
    if name == "probe":
        from layerproof.prove.plan import PROBES

        return tuple(PROBES)
    if name == "tool":
        from layerproof.workflow.check import TOOLS

        return TOOLS
    if name in ("service", "only"):
        return [service.name for service in line.services() if service.build or line.task in _OF_STACK]
    return ()
