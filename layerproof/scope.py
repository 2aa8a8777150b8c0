"""What the instructions of a stage leave to those after them: variables, and the settings of RUN."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

import expandvars
from msgspec import Struct, field

from layerproof.dockerfile import trimmed
from layerproof.model import Instruction


class Variable(Struct, frozen=True):
    """An argument or environment variable; `value` is None for an argument that has none, `line` where it is set."""

    value: str | None
    is_env: bool
    line: int


class State(Struct, frozen=True):
    """
    What the instructions so far leave to those after them.

    `line` is that of the last step, None where there is none yet; `base` is what the FROM at the bottom names from
    outside the file: an image, a named context, `scratch`. `variables` are what an instruction sees: an ARG covers an
    ENV of its name, but only to the end of its stage; `environment` are the ENVs. `settings` has WORKDIR, USER and
    SHELL where they are set.
    """

    line: int | None
    base: str
    variables: Mapping[str, Variable] = field(default_factory=dict)
    environment: Mapping[str, Variable] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)


class Scope:
    """What a stage's instructions see and change, from its FROM down."""

    def __init__(self, start: State, variables: Mapping[str, Variable]) -> None:
        self.line, self.base = start.line, start.base
        self.variables, self.settings = dict(variables), dict(start.settings)
        self.environment = dict(start.environment)

    @property
    def values(self) -> dict[str, str]:
        """The values of all variables; an argument without any is empty."""
        return {name: item.value or "" for name, item in self.variables.items()}

    def state(self) -> State:
        return State(self.line, self.base, dict(self.variables), dict(self.environment), dict(self.settings))

    def enter(self, instruction: Instruction, *, defaults: Mapping[str, str], given: Mapping[str, str]) -> None:
        """Enter what an instruction defines for those after it."""
        keyword, words, line = instruction.keyword, instruction.values, instruction.line
        if keyword == "ARG":
            for word in words:
                name, has_default, default = word.partition("=")
                own = unquoted(default, self.values) if has_default else defaults.get(name)
                value = given.get(name, own)
                # The later one wins; an ARG without a value leaves an ENV as it is.
                if value is not None or name not in self.variables:
                    self._set(name, Variable(value, is_env=False, line=line))
        elif keyword == "ENV":
            values, pairs = self.values, zip(words[::2], words[1::2], strict=False)
            for name, text in pairs:
                variable = Variable(unquoted(text, values), is_env=True, line=line)
                self._set(name, variable)
                self.environment[name] = variable
        elif keyword == "WORKDIR" and words:
            folder, above = expanded(words[0], self.values), self.settings.get("WORKDIR", "/")
            # As written where it is absolute: `/app/` is another text than `/app` for the steps that run in it.
            is_absolute = folder.startswith("/")
            self.settings["WORKDIR"] = folder if is_absolute else posixpath.normpath(posixpath.join(above, folder))
        elif keyword in ("USER", "SHELL"):
            self.settings[keyword] = expanded(" ".join(words), self.values)

    def _set(self, name: str, variable: Variable) -> None:
        """Their order counts: what is set again goes to the end."""
        self.variables.pop(name, None)
        self.variables[name] = variable


def unquoted(word: str, scope: Mapping[str, str]) -> str:
    """A value without its quotes and escapes; nothing is expanded inside single quotes."""
    if len(word) > 1 and word[0] == word[-1] == "'":
        return word[1:-1]
    inner = word[1:-1] if len(word) > 1 and word[0] == word[-1] == '"' else word.replace("\\ ", " ")
    return expanded(inner, scope)


def expanded(word: str, scope: Mapping[str, str]) -> str:
    """A path with its variables; one that cannot be expanded stands for anything."""
    if "$" not in word:
        return word
    try:
        return str(expandvars.expand(trimmed(word, scope), environ=dict(scope), nounset=False))
    except expandvars.ExpandvarsException:
        return "*"
