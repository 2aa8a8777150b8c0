"""
Read the data in a pickle without running the program that a pickle is.

Arrays, tensors and plain containers become themselves. Every other class or function that the file names becomes an
inert object, which keeps the state that the file gives it and does nothing. So the body model needs no chumpy and a
checkpoint none of the classes of its training run.
"""

from __future__ import annotations

import collections
import pickle
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, BinaryIO

import numpy as np

# Taken from numpy itself, since the module that they live in was renamed in version 2.
_RECONSTRUCT: Any = np.empty(0).__reduce__()[0]
_FROM_BUFFER: Any = np.empty(1).__reduce_ex__(5)[0]
_SCALAR: Any = np.float64(0).__reduce__()[0]

_ARRAY_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray", "numpy.core.numeric", "numpy._core.numeric")
_ARRAY_FUNCTIONS = {"_reconstruct": _RECONSTRUCT, "_frombuffer": _FROM_BUFFER, "scalar": _SCALAR}
_PLAIN: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("collections", "OrderedDict"): collections.OrderedDict,
    **{(module, kind.__name__): kind for module in ("builtins", "__builtin__") for kind in (set, frozenset, bytearray)},
}
_TORCH = {
    "torch._utils": ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter"),
    "torch": (
        "Size",
        "device",
        "dtype",
        "float16",
        "bfloat16",
        "float32",
        "float64",
        "int32",
        "int64",
        "uint8",
        "bool",
    ),
}


class Inert(dict):  # type: ignore[type-arg]  # a dict, because a pickle may fill it like one
    """An object of a class that is not looked up; `origin` names the class, `state` is what the file stored in it."""

    origin = ""

    def __new__(cls, *_args: Any, **_keywords: Any) -> Inert:
        made = super().__new__(cls)
        made.state = {}
        return made

    def __init__(self, *_args: Any, **_keywords: Any) -> None:
        super().__init__()
        self.state: dict[str, Any]

    def __setstate__(self, state: Any) -> None:
        self.state = state if isinstance(state, dict) else {}

    def append(self, _item: Any) -> None:
        """A list that nobody reads."""

    def extend(self, _items: Any) -> None:
        """A list that nobody reads."""


def _reconstructor(cls: Any, _base: Any, _state: Any) -> Inert:
    """`copyreg._reconstructor` for inert classes, the only ones that come here."""
    return Inert() if not (isinstance(cls, type) and issubclass(cls, Inert)) else cls()


class DataUnpickler(pickle.Unpickler):
    """Looks up nothing but arrays, tensors and containers."""

    def find_class(self, module: str, name: str, /) -> Any:
        if module in _ARRAY_MODULES and name in _ARRAY_FUNCTIONS:
            return _ARRAY_FUNCTIONS[name]
        if (module, name) in _PLAIN:
            return _PLAIN[module, name]
        if module in ("copyreg", "copy_reg") and name == "_reconstructor":
            return _reconstructor
        if (module, name) == ("_codecs", "encode"):
            return _latin1
        if name in _TORCH.get(module, ()):
            return super().find_class(module, name)
        return type(name, (Inert,), {"origin": f"{module}.{name}"})


def _latin1(text: str, _encoding: str = "latin1") -> bytes:
    """How protocol 2 of Python 3 writes bytes."""
    return text.encode("latin1")


def load(stream: BinaryIO) -> Any:
    """
    The data of a pickle, of Python 2 or 3.

    Raises:
        pickle.UnpicklingError, EOFError, ValueError and their like: no pickle, or a damaged one.
    """
    return DataUnpickler(stream, encoding="latin1").load()


def as_pickle_module() -> Any:
    """What `torch.load` takes as `pickle_module`."""

    def load_any(stream: BinaryIO, **options: Any) -> Any:
        return DataUnpickler(stream, **options).load()

    read: Callable[..., Any] = load_any
    return SimpleNamespace(__name__=__name__, Unpickler=DataUnpickler, load=read)


def as_array(value: Any) -> np.ndarray[Any, Any]:
    """
    A stored array of any of the kinds in which body models hold theirs, dense.

    An array of chumpy holds its numbers in `x`; one that selects from another, in `a`, `idxs` and `preferred_shape`.

    Raises:
        ValueError: another kind of object.
    """
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, Inert):
        state, kind = value.state, value.origin.rpartition(".")[2]
        if kind == "Select" and {"a", "idxs"} <= state.keys():
            chosen = as_array(state["a"]).ravel()[np.asarray(state["idxs"]).ravel()]
            return np.reshape(chosen, state.get("preferred_shape", chosen.shape))
        if "x" in state:
            return as_array(state["x"])
        if kind.startswith(("csc_", "csr_")):
            return _dense(state, by_column=kind.startswith("csc_"))
        raise ValueError(f"an object of {value.origin} is no array")
    raise ValueError(f"an object of {type(value).__name__} is no array")


def _dense(state: dict[str, Any], *, by_column: bool) -> np.ndarray[Any, Any]:
    """A compressed sparse matrix of SciPy, from its attributes."""
    dense = np.zeros(state.get("_shape") or state["shape"])
    outer = np.repeat(np.arange(len(state["indptr"]) - 1), np.diff(state["indptr"]))
    where = (state["indices"], outer) if by_column else (outer, state["indices"])
    np.add.at(dense, where, state["data"])
    return dense
