"""Building large networks without filling them twice."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import torch  # type: ignore[import-not-found,import-untyped,unused-ignore]

from pose.errors import ConfigurationError

_FILLERS = tuple(
    f"{name}_" for name in ("uniform", "normal", "trunc_normal", "xavier_uniform", "kaiming_uniform", "kaiming_normal")
)

log = logging.getLogger("pose.hmr2")


@contextlib.contextmanager
def unfilled() -> Iterator[None]:
    """
    Let networks be built without random numbers in them, for weights that follow from a file.

    Memory that nobody has written to is not there yet, so this halves the peak; the random numbers of 630 million
    parameters also take their time. For one thread only: torch.nn.init is changed while it lasts.
    """
    kept = {name: getattr(torch.nn.init, name) for name in _FILLERS}
    for name in _FILLERS:
        setattr(torch.nn.init, name, lambda tensor, *_args, **_options: tensor)
    try:
        yield
    finally:
        for name, function in kept.items():
            setattr(torch.nn.init, name, function)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what libraries print off stdout, which is the request log, and their warnings of no use to a user away."""
    printed = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(printed):
        warnings.simplefilter("ignore")
        yield
    for line in printed.getvalue().splitlines():
        log.debug("%s", line)


def adopt(network: torch.nn.Module, state: Mapping[str, Any], *, source: str, kept: tuple[str, ...] = ()) -> None:
    """
    Make the tensors of a file the network's own, without a copy where the type fits.

    Args:
        network: every parameter of it must be in `state`; a buffer may be missing.
        state: tensors or arrays by name; other names than the network's are left alone.
        source: the file, for messages.
        kept: what starts so stays as it is.

    Raises:
        ConfigurationError: a parameter is missing or has another shape.
    """
    parameters = [(name, tensor) for name, tensor in network.named_parameters() if not name.startswith(kept)]
    buffers = [(name, tensor) for name, tensor in network.named_buffers() if not name.startswith(kept)]
    missing = [name for name, _ in parameters if name not in state]
    wanted = [(name, tensor) for name, tensor in [*parameters, *buffers] if name in state]
    other = [name for name, tensor in wanted if tuple(state[name].shape) != tuple(tensor.shape)]
    if missing or other:
        raise ConfigurationError(
            f"{source} is not the file of this network: {len(missing)} parameters are missing, "
            f"{len(other)} have another shape, for example {(missing + other)[0]}."
        )
    for name, tensor in wanted:
        tensor.data = torch.as_tensor(state[name]).to(tensor.dtype)


def memory_mb() -> float:
    """The most memory that this process has held so far."""
    import resource  # not there on Windows, where the service does not run

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3) * (1.0 if sys.platform == "darwin" else 1.024)
