"""The first mistake in what a user writes, and where it is."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from layerproof.settings import Config
from layerproof.validation import InvalidError, WrongValueError, checked, parts_of, type_at


class Part(Struct, frozen=True, forbid_unknown_fields=True):
    kind: Literal["a", "b"] = "a"
    size: int | None = None

    def __post_init__(self) -> None:
        if self.size == 0:
            raise WrongValueError("size", "nothing weighs nothing")


class Whole(Struct, frozen=True, forbid_unknown_fields=True):
    parts: dict[str, dict[str, Part]] = {}
    rows: list[dict[str, Part]] = []


@pytest.mark.parametrize(
    ("document", "keys", "reason"),
    [
        pytest.param(3, (), "Expected `object`, got `int`", id="no document at all"),
        pytest.param({"part": {}}, ("part",), "unknown key", id="an unknown key at the top"),
        pytest.param(
            {"parts": {"x": {"y": {}}, "z": {"y": {"size": 1}, "w": {"sizes": 1}}}},
            ("parts", "z", "w", "sizes"),
            "unknown key",
            id="one below two names, after good ones",
        ),
        pytest.param(
            {"rows": [{"x": {}}, {"x": {}, "y": {"size": "1"}}]},
            ("rows", 1, "y", "size"),
            "Expected `int | null`, got `str`",
            id="in a list",
        ),
        pytest.param(
            {"parts": {"x": {"y": {"kind": "c"}}}},
            ("parts", "x", "y", "kind"),
            "it is 'c', and can be 'a' or 'b'",
            id="a word that is none of those",
        ),
        pytest.param(
            {"parts": {"x": {"y": {"size": 1}, "z": {"size": 0}}}},
            ("parts", "x", "z", "size"),
            "nothing weighs nothing",
            id="what the type itself refuses",
        ),
        pytest.param({"x` - at `$.parts[...]": 1}, ("x` - at `$.parts[...]",), "unknown key", id="like a place"),
        pytest.param(
            {"parts": {"x` - at `$": {"y": {"a` - at `$.rows[0]": 1}}}},
            ("parts", "x` - at `$", "y", "a` - at `$.rows[0]"),
            "unknown key",
            id="like a place, below",
        ),
        pytest.param({"a\nb": 1}, ("a\nb",), "unknown key", id="of two lines"),
        pytest.param({"": 1}, ("",), "unknown key", id="empty"),
        pytest.param({"\ud800": 1}, (), "a key is no valid text", id="half of a surrogate pair"),
    ],
)
def test_the_first_mistake_is_told_with_the_keys_that_lead_there(
    document: Any, keys: tuple[str | int, ...], reason: str
) -> None:
    with pytest.raises(InvalidError) as caught:
        checked(document, Whole)
    assert (caught.value.keys, caught.value.reason) == (keys, reason)


def test_a_type_is_found_under_keys() -> None:
    assert type_at(Whole, ["parts", "any", "other"]) is Part
    assert type_at(Whole, ["rows", 0, "x"]) is Part
    assert parts_of(type_at(Whole, ["parts", "x", "y", "size"])) == [int, type(None)]
    assert type_at(Whole, ["rows", "x"]) is None
    assert type_at(Whole, ["parts", "x", "y", "size", "z"]) is None


_WORDS = st.sampled_from(
    ["args", "services", "api", "audit", "allow", "gpu", "verify", "port", "cache", "from", "profiles", "base-images"]
) | st.text(max_size=3)
_DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=4),
    max_leaves=12,
)


@given(_DOCUMENTS)
def test_any_document_is_a_configuration_or_has_a_mistake_at_keys_that_are_there(document: Any) -> None:
    mistake = _mistake(document)
    for key in mistake.keys[:-1] if mistake else ():
        document = document[key]
    assert mistake is None or mistake.reason


def _mistake(document: Any) -> InvalidError | None:
    try:
        checked(document, Config)
    except InvalidError as error:
        return error
    return None
