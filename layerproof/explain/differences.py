"""What differs between the ingredients of a step in two builds, in words."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from layerproof.context import ContextFile
from layerproof.dockerfile import short_instruction
from layerproof.evidence import Upstream
from layerproof.explain.pairs import raw_text
from layerproof.ingredients import Ingredients
from layerproof.model import CauseKind, Instruction
from layerproof.scope import Variable
from layerproof.secret_names import names_secret, without_login

MAX_NAMES = 8
MAX_VALUE = 40
MIN_SECRET = 4
# What `masked` leaves of a secret: secret-0123456789abcdef
_KEPT_SECRET = re.compile(r"secret-[0-9a-f]{16}")

Difference = tuple[CauseKind, str]


def differences(old: Ingredients, new: Ingredients) -> Iterator[Difference]:
    """What of a step itself is not as it was; what it stands on and copies from is not looked at."""
    secrets = {
        item.value
        for ingredients in (old, new)
        for name, item in ingredients.node.state.variables.items()
        if names_secret(name) and item.value and len(item.value) >= MIN_SECRET
    }
    found = [
        *_of_text(old, new),
        *_of_variables(old, new),
        *_of_settings(old, new),
        *_of_files(old, new),
        *_of_bases(old, new),
    ]
    for kind, text in found:
        yield kind, printable(_without(secrets, text))


def printable(text: str) -> str:
    """A text without characters that a terminal would obey."""
    return "".join(item if item.isprintable() else ascii(item)[1:-1] for item in text)


def _without(secrets: Collection[str], text: str) -> str:
    for secret in secrets:
        text = text.replace(secret, "(masked)")
    return without_login(_KEPT_SECRET.sub("(masked)", text))


def _of_text(old: Ingredients, new: Ingredients) -> Iterator[Difference]:
    if old.node.instruction.text == new.node.instruction.text or old.node.words == new.node.words:
        return
    before, now = short_instruction(old.node.instruction.text), short_instruction(new.node.instruction.text)
    flags = _flags(old.node.instruction), _flags(new.node.instruction)
    if before != now:
        yield "instruction", f"was `{before}`"
    elif flags[0] != flags[1]:
        yield "instruction", f"its flags were {flags[0] or 'none'}, and are {flags[1] or 'none'}"
    elif _same_raw(old, new):
        return
    else:
        yield "instruction", "its text changed"


def _same_raw(old: Ingredients, new: Ingredients) -> bool:
    return raw_text(old.node) == raw_text(new.node) and old.node.instruction.keyword != "RUN"


def _flags(instruction: Instruction) -> str:
    return " ".join(instruction.flags)


def _of_variables(old: Ingredients, new: Ingredients) -> Iterator[Difference]:
    changed = {
        name: (old.variables.get(name), new.variables.get(name))
        for name in sorted({*old.variables, *new.variables})
        if _value(old.variables.get(name)) != _value(new.variables.get(name))
    }
    if new.node.instruction.keyword != "RUN" and old.node.words == new.node.words:
        return
    arguments = {name for name, pair in changed.items() if not any(item and item.is_env for item in pair)}
    for name, (before, now) in changed.items():
        said = f"{_shown(name, before)} → {_shown(name, now)}"
        item = now or before
        if name in arguments:
            yield "argument", f"ARG {name}{_on(item)}: {said}"
        elif item is not None and item.line == 0:
            yield "base", f"the environment it starts from has another {name}: {said}"
        elif not _same_env(old, new, before, now):
            yield "instruction", f"ENV {name}{_on(item)}: {said}"
        elif not arguments:
            yield "argument", f"ENV {name}{_on(item)}, by a variable in it: {said}"
    orders = [[name for name in each.variables if each.variables[name].value is not None] for each in (old, new)]
    if not changed and orders[0] != orders[1] and new.node.instruction.keyword == "RUN":
        yield "instruction", "its variables are set in another order"


def _same_env(old: Ingredients, new: Ingredients, before: Variable | None, now: Variable | None) -> bool:
    """Whether an ENV has the text that it had, so that another argument has changed its value."""
    texts = [_line_text(old, before), _line_text(new, now)]
    return texts[0] is not None and texts[0] == texts[1]


def _line_text(ingredients: Ingredients, variable: Variable | None) -> str | None:
    stages = ingredients.image.dockerfile.stages
    found = (item for stage in stages for item in stage.instructions if variable and item.line == variable.line)
    return next((item.text for item in found), None)


def _value(variable: Variable | None) -> str | None:
    return variable.value if variable else None


def _shown(name: str, variable: Variable | None) -> str:
    if variable is None or variable.value is None:
        return "not set"
    if names_secret(name):
        return "(masked)"
    value = variable.value if len(variable.value) <= MAX_VALUE else variable.value[: MAX_VALUE - 1] + "…"
    return value or '""'


def _on(variable: Variable | None) -> str:
    return f" on line {variable.line}" if variable and variable.line else ""


def _of_settings(old: Ingredients, new: Ingredients) -> Iterator[Difference]:
    forms = {item.node.words[0] for item in (old, new) if item.node.instruction.keyword == "RUN"}
    for name in sorted({*old.settings, *new.settings} - ({"SHELL"} if len(forms) > 1 else set())):
        before, now = old.settings.get(name, "not set"), new.settings.get(name, "not set")
        if before != now:
            yield ("argument" if name.startswith("build.") else "instruction"), f"{name}: {before} → {now}"
    platforms = [list(item.image.options.get("platforms", ())) for item in (old, new)]
    if platforms[0] != platforms[1]:
        yield "argument", f"platforms: {' '.join(platforms[0]) or 'not set'} → {' '.join(platforms[1]) or 'not set'}"


def _of_files(old: Ingredients, new: Ingredients) -> Iterator[Difference]:
    if old.files is None or new.files is None or old.node.sources == new.node.sources == ():
        return
    for folder, files in new.files.items():
        listed = old.files.get(folder, ())
        if listed == files:
            continue
        before, now = ({file.path: file for file in each} for each in (listed, files))
        prefix = "" if folder == new.image.context else f"{folder.name}/"
        content, modes = _compare(before, now)
        if content:
            yield "file", _listed([f"{prefix}{text}" for text in content + modes])
        elif modes:
            yield "mode", _listed([f"{prefix}{text}" for text in modes])


def _compare(before: Mapping[str, ContextFile], now: Mapping[str, ContextFile]) -> tuple[list[str], list[str]]:
    gone = {path: before[path] for path in before if path not in now}
    come = {path: now[path] for path in now if path not in before}
    content = []
    by_digest = {item.digest: name for name, item in gone.items() if item.size_bytes}
    for path, file in sorted(come.items()):
        was = by_digest.pop(file.digest, "")
        content.append(f"{path} added" if not was else f"{path} renamed from {was}")
        gone.pop(was, None)
    content += [f"{path} removed" for path in sorted(gone)]
    both = sorted(path for path in now if path in before)
    content += [f"{path} changed" for path in both if now[path].digest != before[path].digest]
    modes = [
        f"{path} mode {before[path].mode:04o} → {now[path].mode:04o}"
        for path in both
        if now[path].mode != before[path].mode and now[path].digest == before[path].digest
    ]
    return content, modes


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:MAX_NAMES]) + (f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else "")


def _of_bases(old: Ingredients, new: Ingredients) -> Iterator[Difference]:
    pairs = [(old.base, new.base)] if old.base and new.base else []
    pairs += list(zip(old.bases_copied, new.bases_copied, strict=False))
    for before, now in pairs:
        if before.name != now.name and not (before.image and now.image):
            yield "instruction", f"it starts from {now.name}, and started from {before.name}"
        elif before.upstream and now.upstream and _is_another(before.upstream, now.upstream):
            yield "base", f"{now.name}: {_short(before.upstream.id)} → {_short(now.upstream.id)}"
        elif before.files != now.files:
            yield "file", f"the files of {now.name}"


def _is_another(before: Upstream, now: Upstream) -> bool:
    """By their layers, or where neither is here, by the digest that they were resolved to."""
    return (
        before.layers != now.layers
        if before.layers and now.layers
        else before.layers == now.layers and before.id != now.id
    )


def _short(identifier: str) -> str:
    return identifier.removeprefix("sha256:")[:12]


def not_known(new: Ingredients) -> str:
    """Which image it stands on or copies from is not on record; "" where all are."""
    bases = [base for base in (new.base, *new.bases_copied) if base is not None]
    outside = [base for base in bases if not base.image and base.files is None and base.name != "scratch"]
    unknown = [base.name for base in outside if base.upstream is None]
    return f"which {unknown[0]} it was built on" if unknown else ""
