"""The net, in numpy: three 3x3 convolutions, two max-pools, one dense layer.

Law: NHWC, float32, no randomness; who trains brings that.

    image 8x8x1 -> conv 16 -> conv 32 -> pool -> conv 32 -> pool -> dense 10 -> softmax

15,338 weights. Small enough to train in a minute without a framework, and the
operators are those that every edge runtime has in fp32 and in int8.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

Array = npt.NDArray[Any]

#: By name: `conv*` [3, 3, in, out], `dense` [128, 10], `bias_*` [out].
Weights = dict[str, Array]

CONVS = ("conv1", "conv2", "conv3")
CHANNELS = (1, 16, 32, 32)
FEATURES = 2 * 2 * CHANNELS[-1]

#: A 2x2 pool follows these.
POOLED = ("conv2", "conv3")


def fresh(random: np.random.Generator, classes: int) -> Weights:
    """Draw weights for ReLU layers (He et al. 2015: variance 2 / fan-in)."""
    weights: Weights = {}
    for name, fan, out in zip(CONVS, CHANNELS, CHANNELS[1:], strict=False):
        spread = np.sqrt(2 / (9 * fan))
        weights[name] = random.normal(0, spread, (3, 3, fan, out)).astype(np.float32)
        weights[f"bias_{name}"] = np.zeros(out, np.float32)
    spread = np.sqrt(1 / FEATURES)
    weights["dense"] = random.normal(0, spread, (FEATURES, classes)).astype(np.float32)
    weights["bias_dense"] = np.zeros(classes, np.float32)
    return weights


def activations(weights: Weights, image: Array) -> dict[str, Array]:
    """Run the net and return what stands behind each layer, by the layer's name.

    Args:
        weights: the net's.
        image: [N, 8, 8, 1] float32.

    Returns:
        `image`, `conv1`..`conv3` (after ReLU, before the pool), `dense` (the logits)
        and `softmax`.
    """
    seen = {"image": image}
    x = image
    for name in CONVS:
        x = np.maximum(
            _patches(x) @ _matrix(weights[name]) + weights[f"bias_{name}"], 0
        )
        seen[name] = x
        x = _pool(x).max(axis=-2) if name in POOLED else x
    features = x.reshape(len(x), FEATURES)
    seen["dense"] = features @ weights["dense"] + weights["bias_dense"]
    seen["softmax"] = softmax(seen["dense"])
    return seen


def softmax(logits: Array) -> Array:
    """Return probabilities along the last axis."""
    grown = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return grown / grown.sum(axis=-1, keepdims=True)


def gradients(weights: Weights, image: Array, target: Array, keep: Array) -> Weights:
    """Return the gradient of the mean cross-entropy, by weight.

    Args:
        weights: the net's.
        image: [N, 8, 8, 1] float32.
        target: [N, classes] probabilities.
        keep: [N, 128] the dropout mask on the dense layer's input, already scaled.
    """
    stages = []
    x = image
    for name in CONVS:
        patches = _patches(x)
        out = np.maximum(patches @ _matrix(weights[name]) + weights[f"bias_{name}"], 0)
        stages.append((name, patches, out))
        x = _pool(out).max(axis=-2) if name in POOLED else out
    features = x.reshape(len(x), FEATURES) * keep
    logits = features @ weights["dense"] + weights["bias_dense"]

    slope = (softmax(logits) - target) / np.float32(len(image))
    grads = {"dense": features.T @ slope, "bias_dense": slope.sum(axis=0)}
    flow = (slope @ weights["dense"].T * keep).reshape(x.shape)
    for name, patches, out in reversed(stages):
        if name in POOLED:
            flow = _unpool(flow, out)
        flow = flow * (out > 0)
        flat = flow.reshape(-1, flow.shape[-1])
        kernel = weights[name]
        grads[name] = (patches.reshape(-1, patches.shape[-1]).T @ flat).reshape(
            kernel.shape
        )
        grads[f"bias_{name}"] = flat.sum(axis=0)
        if name != CONVS[0]:
            # The gradient of a "same" convolution is one with the kernel turned round.
            turned = kernel[::-1, ::-1].transpose(0, 1, 3, 2)
            flow = _patches(flow) @ _matrix(turned)
    return grads


def _matrix(kernel: Array) -> Array:
    return kernel.reshape(-1, kernel.shape[-1])


def _patches(x: Array) -> Array:
    """Return the 3x3 neighbourhood of every pixel, [N, H, W, 9 * C], zeros outside."""
    count, height, width, channels = x.shape
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = sliding_window_view(padded, (3, 3), axis=(1, 2))
    return windows.transpose(0, 1, 2, 4, 5, 3).reshape(
        count, height, width, 9 * channels
    )


def _pool(x: Array) -> Array:
    """Return the 2x2 blocks of an image, [N, H/2, W/2, 4, C]."""
    count, height, width, channels = x.shape
    blocks = x.reshape(count, height // 2, 2, width // 2, 2, channels)
    return blocks.transpose(0, 1, 3, 2, 4, 5).reshape(
        count, height // 2, width // 2, 4, channels
    )


def _unpool(flow: Array, x: Array) -> Array:
    """Send each block's gradient to its first largest element."""
    count, height, width, channels = x.shape
    blocks = _pool(x)
    first = np.zeros_like(blocks)
    np.put_along_axis(first, blocks.argmax(axis=-2)[..., None, :], 1, axis=-2)
    spread = (first * flow[..., None, :]).reshape(
        count, height // 2, width // 2, 2, 2, channels
    )
    return spread.transpose(0, 1, 3, 2, 4, 5).reshape(x.shape)
