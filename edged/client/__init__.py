"""edged.client: call the daemon from Python, sync or async.

Reading order: `http` (bytes), `reach` (why not), `transport` (blocking calls),
`control` (the control socket, typed), `calls` (what the data socket can be asked),
`memory` (large tensors), `answers` (which outputs are large), `inference` and `aio`
(asking it).

Law: a deadline on every call, typed errors, numpy in and out. Names are imported when
they are used: who speaks to the control socket alone imports no numpy.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edged.client.aio import AsyncClient, AsyncModel
    from edged.client.calls import ModelIndex, ModelMetadata, Result
    from edged.client.control import Control
    from edged.client.inference import Client, Model

__all__ = [
    "AsyncClient",
    "AsyncModel",
    "Client",
    "Control",
    "Model",
    "ModelIndex",
    "ModelMetadata",
    "Result",
]

_HOME = {
    "AsyncClient": "edged.client.aio",
    "AsyncModel": "edged.client.aio",
    "Client": "edged.client.inference",
    "Control": "edged.client.control",
    "Model": "edged.client.inference",
    "ModelIndex": "edged.client.calls",
    "ModelMetadata": "edged.client.calls",
    "Result": "edged.client.calls",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its home."""
    import importlib  # noqa: PLC0415  # only for who asks

    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
