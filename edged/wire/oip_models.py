"""What the Open Inference Protocol says about servers and models.

Law: values as they cross the data socket; whatever a peer adds is passed over.
Source: kserve/open-inference-protocol, inference_rest.md; triton server,
docs/protocol: model_configuration, statistics, model_repository.
"""

import msgspec

from edged.wire.tensors import Datatype, Shape

#: What edged has beside the core of the protocol.
EXTENSIONS = (
    "binary_tensor_data",
    "classification",
    "model_configuration",
    "model_repository",
    "parameters",
    "schedule_policy",
    "sequence",
    "statistics",
    "system_shared_memory",
)

#: `<project>_<format>`: which runtime answers may differ from one answer to the next.
PLATFORM = "edged_release"


class ServerMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """GET v2."""

    name: str = "edged"
    version: str
    extensions: tuple[str, ...] = EXTENSIONS


class Alive(msgspec.Struct, frozen=True, kw_only=True):
    """GET v2/health/live."""

    live: bool = True


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """GET v2/health/ready, where it is."""

    ready: bool = True


class ModelReady(msgspec.Struct, frozen=True, kw_only=True):
    """GET v2/models/M/ready, where it is."""

    name: str
    ready: bool = True


class Tensor(msgspec.Struct, frozen=True, kw_only=True):
    """A tensor of the signature; -1 for a free dimension."""

    name: str
    datatype: Datatype
    shape: Shape


class ModelMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """GET v2/models/M."""

    name: str
    versions: tuple[str, ...]
    platform: str = PLATFORM
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


class ConfigTensor(msgspec.Struct, frozen=True, kw_only=True):
    """A tensor as Triton's model configuration writes it."""

    name: str
    data_type: str
    dims: Shape


class ModelConfig(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """GET v2/models/M/config: as much as load generators read.

    Attributes:
        max_batch_size: 0: dims are whole shapes. Above 0 the first dimension of every
            tensor is the batch, and `dims` leave it out.
        sequence_batching: present for a model with state.
    """

    name: str
    platform: str
    backend: str
    max_batch_size: int
    input: tuple[ConfigTensor, ...]
    output: tuple[ConfigTensor, ...]
    sequence_batching: dict[str, str] | None = None


class Leaf(msgspec.Struct, frozen=True):
    """How often, and for how long in all."""

    count: int = 0
    ns: int = 0


class InferStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """The stages of a request."""

    success: Leaf
    fail: Leaf
    queue: Leaf
    compute_input: Leaf
    compute_infer: Leaf
    compute_output: Leaf
    cache_hit: Leaf = Leaf()
    cache_miss: Leaf = Leaf()


class BatchStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Runs of one batch size."""

    batch_size: int
    compute_input: Leaf
    compute_infer: Leaf
    compute_output: Leaf


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """Counters of one live release."""

    name: str
    version: str
    last_inference: int  # milliseconds since the epoch; 0 before the first
    inference_count: int
    execution_count: int
    inference_stats: InferStatistics
    response_stats: dict[str, str] = {}
    batch_stats: tuple[BatchStatistics, ...] = ()
    memory_usage: tuple[str, ...] = ()


class AllStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """GET v2/models/stats."""

    model_stats: tuple[Statistics, ...]


class IndexRequest(msgspec.Struct, frozen=True, kw_only=True):
    """POST v2/repository/index."""

    ready: bool = False


class IndexRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One model in the index."""

    name: str
    version: str = ""
    state: str
    reason: str
