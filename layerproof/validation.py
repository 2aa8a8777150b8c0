"""What users write, checked against a type by msgspec: the first mistake, with the keys that lead to it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import copy
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec

Key = str | int
T = TypeVar("T")

UNKNOWN_KEY = "unknown key"


class InvalidError(Exception):
    """What is wrong, and the keys that lead there from the top of the document: names, and numbers in a list."""

    def __init__(self, keys: Sequence[Key], reason: str) -> None:
        super().__init__(reason)
        self.keys = tuple(keys)
        self.reason = reason


class WrongValueError(ValueError):
    """What a type's own `__post_init__` raises: the value under `key` cannot be."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(reason)
        self.key = key


def checked(document: Any, kind: type[T]) -> T:
    """
    A document of plain values as a typed one.

    Raises:
        InvalidError: an unknown key, one that is missing, or a value that cannot be.
    """
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise _mistake(document, kind, error) from error
    except UnicodeEncodeError as error:  # JSON can hold half of a surrogate pair
        raise InvalidError((), "a key is no valid text") from error


def parts_of(kind: Any) -> list[Any]:
    """The types that one is made of, as `A | B` is, without their annotations."""
    if get_origin(kind) is Annotated:
        return parts_of(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return [part for choice in get_args(kind) for part in parts_of(choice)]
    return [kind]


def type_at(kind: Any, keys: Sequence[Key]) -> Any:
    """The type of what lies under the keys in a document of this type; None where nothing can."""
    for key in keys:
        kind = next((found for part in parts_of(kind) if (found := _type_under(part, key)) is not None), None)
    return kind


def _type_under(kind: Any, key: Key) -> Any:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return next((field.type for field in msgspec.structs.fields(kind) if field.encode_name == key), None)
    inner = get_args(kind)
    if get_origin(kind) is dict:
        return inner[1]
    return inner[0] if get_origin(kind) in (list, tuple) and isinstance(key, int) else None


# Expected `bool`, got `str` - at `$.services[...].gpu`; without the place it is the document itself. What a user has
# written can stand in it too: a place has no backtick, and the last one counts.
_PLACED = re.compile(r"(?P<reason>.*?)(?: - at `\$(?P<path>[^`]*)`)?", re.DOTALL)
_PART = re.compile(r"\.(?P<field>[\w-]+)|\[(?P<number>\d+)\]|(?P<some>\[\.\.\.\])")
_MISSING_OR_UNKNOWN = re.compile(r"Object (?P<what>missing required|contains unknown) field `(?P<key>.*)`", re.DOTALL)
_NONE_OF = "Invalid enum value "


def _mistake(document: Any, kind: type[T], error: msgspec.ValidationError) -> InvalidError:
    message = str(error)
    # Without a place behind it, a key of the document's top could be taken for one.
    is_at_top = isinstance(document, dict) and any(
        message == f"Object contains unknown field `{key}`" for key in document
    )
    placed = None if is_at_top else _PLACED.fullmatch(message)
    reason, path = (placed["reason"], placed["path"] or "") if placed else (message, "")
    keys: list[Key] = []
    for part in _PART.finditer(path):
        if part["some"]:
            document, key = _narrowed(document, kind, keys, message)
            keys.append(key)
        else:
            keys.append(int(part["number"]) if part["number"] else part["field"])
    if isinstance(error.__cause__, WrongValueError):
        return InvalidError([*keys, *error.__cause__.key.split(".", 1)], reason)
    if about := _MISSING_OR_UNKNOWN.fullmatch(reason):
        return InvalidError([*keys, about["key"]], "it is missing" if "missing" in about["what"] else UNKNOWN_KEY)
    if reason.startswith(_NONE_OF):
        known = [
            word for part in parts_of(type_at(kind, keys)) if get_origin(part) is Literal for word in get_args(part)
        ]
        reason = f"it is {reason.removeprefix(_NONE_OF)}, and can be {' or '.join(map(repr, known))}"
    return InvalidError(keys, reason)


def _narrowed(document: Any, kind: type[T], keys: Sequence[Key], message: str) -> tuple[Any, str]:
    """
    msgspec does not tell under which key of a mapping the mistake stands: the document with only that one there, and
    the key. It is the first one that makes the same mistake alone.
    """
    entries: Mapping[str, Any] = _at(document, keys)
    alone = ((key, _with(document, keys, {key: value})) for key, value in entries.items())
    return next((part, key) for key, part in alone if _message(part, kind) == message)


def _message(document: Any, kind: type[T]) -> str:
    try:
        msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        return str(error)
    return ""


def _at(document: Any, keys: Sequence[Key]) -> Any:
    for key in keys:
        document = document[key]
    return document


def _with(document: Any, keys: Sequence[Key], value: Any) -> Any:
    """The document with another value under the keys."""
    if not keys:
        return value
    changed: Any = copy(document)
    changed[keys[0]] = _with(document[keys[0]], keys[1:], value)
    return changed
