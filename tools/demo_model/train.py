"""Training: Adam on distorted copies of the training part.

Law: one seed decides everything; the held-out part is never looked at. The constants
below are first guesses; `python -m tools.demo_model.train` checks them inside the
training part, on the last two forms of it.
"""

import numpy as np

from tools.demo_model import net
from tools.demo_model.digits import CLASSES, Samples, load
from tools.demo_model.net import Array, Weights

SEED = 20
EPOCHS = 100
BATCH = 64
PEAK_RATE = 3e-3
DECAY = 5e-4
DROPOUT = 0.25
SMOOTHING = 0.05

#: Distortions of a picture: radians, share, share, pixels.
TURN, GROW, LEAN, SHIFT = 0.22, 0.12, 0.15, 0.7

#: Start of the last two forms of the training part.
VALIDATED_FROM = 1029


def train(samples: Samples, *, seed: int = SEED, epochs: int = EPOCHS) -> Weights:
    """Train a net from scratch; about a minute on one core."""
    random = np.random.default_rng(seed)
    weights = net.fresh(random, CLASSES)
    momentum = {name: np.zeros_like(value) for name, value in weights.items()}
    variance = {name: np.zeros_like(value) for name, value in weights.items()}
    images = samples.inputs()
    targets = _targets(samples.labels)
    steps = epochs * (len(samples) // BATCH)
    step = 0
    for _ in range(epochs):
        order = random.permutation(len(samples))
        for at in range(0, len(order) - BATCH + 1, BATCH):
            which = order[at : at + BATCH]
            grads = net.gradients(
                weights,
                distorted(images[which], random),
                targets[which],
                _mask(random),
            )
            step += 1
            _adam(weights, grads, momentum, variance, step=step, steps=steps)
    return weights


def accuracy(weights: Weights, samples: Samples) -> float:
    """Return the share of samples whose most probable class is the label."""
    guesses = net.activations(weights, samples.inputs())["dense"].argmax(axis=-1)
    return float((guesses == samples.labels).mean())


def distorted(images: Array, random: np.random.Generator) -> Array:
    """Return turned, scaled, slanted, shifted and dimmed copies, [N, 8, 8, 1]."""
    count, side = images.shape[:2]

    def draw(most: float) -> Array:
        return random.uniform(-most, most, (count, 1))

    turn, lean = draw(TURN), draw(LEAN)
    wide, high = 1 + draw(GROW), 1 + draw(GROW)
    centre = (side - 1) / 2
    rows, columns = np.divmod(np.arange(side * side), side)
    y, x = (rows - centre)[None] * high, (columns - centre)[None] * wide
    from_y = y * np.cos(turn) + x * np.sin(turn) + centre + draw(SHIFT)
    from_x = x * np.cos(turn) - y * np.sin(turn) + lean * y + centre + draw(SHIFT)
    copies = _sample(images[..., 0], from_y, from_x)
    dim = random.uniform(0.8, 1.1, (count, 1))
    return np.clip(copies * dim, 0, 1).astype(np.float32).reshape(images.shape)


def _sample(images: Array, y: Array, x: Array) -> Array:
    """Read images between their pixels, bilinear; outside is background."""
    count, side, _ = images.shape
    framed = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    y, x = np.clip(y + 2, 0, side + 2), np.clip(x + 2, 0, side + 2)
    top, left = y.astype(int), x.astype(int)
    below, right = y - top, x - left
    which = np.arange(count)[:, None]

    def at(down: int, across: int) -> Array:
        return framed[which, top + down, left + across]

    upper = at(0, 0) * (1 - right) + at(0, 1) * right
    lower = at(1, 0) * (1 - right) + at(1, 1) * right
    return upper * (1 - below) + lower * below


def _targets(labels: Array) -> Array:
    hard = np.eye(CLASSES, dtype=np.float32)[labels]
    return hard * np.float32(1 - SMOOTHING) + np.float32(SMOOTHING / CLASSES)


def _mask(random: np.random.Generator) -> Array:
    kept = random.random((BATCH, net.FEATURES)) >= DROPOUT
    return kept.astype(np.float32) / np.float32(1 - DROPOUT)


def _adam(
    weights: Weights,
    grads: Weights,
    momentum: Weights,
    variance: Weights,
    *,
    step: int,
    steps: int,
) -> None:
    """Take one step of AdamW (Loshchilov and Hutter 2019), rate on a half cosine."""
    rate = PEAK_RATE * 0.5 * (1 + np.cos(np.pi * step / steps))
    for name, grad in grads.items():
        momentum[name] = 0.9 * momentum[name] + 0.1 * grad
        variance[name] = 0.999 * variance[name] + 0.001 * grad**2
        mean = momentum[name] / (1 - 0.9**step)
        spread = np.sqrt(variance[name] / (1 - 0.999**step)) + 1e-8
        fade = 0 if name.startswith("bias") else rate * DECAY * weights[name]
        weights[name] = (weights[name] - rate * mean / spread - fade).astype(np.float32)


def _validate() -> None:
    samples, _ = load()
    known = Samples(
        pixels=samples.pixels[:VALIDATED_FROM], labels=samples.labels[:VALIDATED_FROM]
    )
    unseen = Samples(
        pixels=samples.pixels[VALIDATED_FROM:], labels=samples.labels[VALIDATED_FROM:]
    )
    for seed in range(SEED, SEED + 3):
        weights = train(known, seed=seed)
        print(f"seed {seed}: {accuracy(weights, unseen):.4f} on {len(unseen)} unseen")


if __name__ == "__main__":
    _validate()
