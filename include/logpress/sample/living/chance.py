"""Random numbers that are hashes of what they belong to, so that each can be drawn alone, and tables of quantiles."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

Keys = NDArray[np.uint64]

_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_GOLDEN = 0x9E3779B97F4A7C15
_STEPS = 4096


def mixed(values: Keys) -> Keys:
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014), a bijection of 64 bits."""
    values = (values ^ values >> np.uint64(30)) * _FIRST
    values = (values ^ values >> np.uint64(27)) * _SECOND
    return values ^ values >> np.uint64(31)


def keyed(key: ArrayLike, *parts: ArrayLike) -> Keys:
    """Keys of things named by a key and some whole numbers, uint64; arguments are broadcast."""
    value = np.atleast_1d(np.asarray(key, dtype=np.uint64))
    for part in parts:
        number = np.atleast_1d(np.asarray(part, dtype=np.int64)).astype(np.uint64)
        value = mixed(value + (number + np.uint64(1)) * np.uint64(_GOLDEN))
    return value


def unit(keys: Keys) -> NDArray[np.float64]:
    """Uniform in [0, 1)."""
    return (keys >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normal(keys: Keys) -> NDArray[np.float64]:
    """Standard normal, between -4.4 and 4.4, linear between 4,097 quantiles."""
    place = (keys >> np.uint64(52)).astype(np.int64)
    part = (keys & np.uint64((1 << 52) - 1)).astype(np.float64) * 2.0**-52
    low = NORMAL[place]
    drawn: NDArray[np.float64] = low + (NORMAL[place + 1] - low) * part
    return drawn


def choice(keys: Keys, weights: ArrayLike) -> NDArray[np.int64]:
    """Indices into `weights`, int64, drawn by them."""
    ends = np.cumsum(np.asarray(weights, dtype=np.float64))
    places = np.searchsorted(ends, unit(keys) * ends[-1], side="right")
    drawn: NDArray[np.int64] = np.minimum(places, len(ends) - 1)
    return drawn


def _normal_quantiles() -> NDArray[np.float64]:
    shares = np.arange(_STEPS + 1) / _STEPS
    edge = 0.1 / _STEPS
    inverse: Callable[[float], float] = NormalDist().inv_cdf
    return np.array([inverse(min(max(share, edge), 1 - edge)) for share in shares.tolist()])


NORMAL = _normal_quantiles()
"""float64[4097], quantiles of the standard normal distribution."""


def lognormal_table(sigma: float, unit_value: float) -> NDArray[np.int64]:
    """int64[4097], quantiles of a log-normal distribution with median `unit_value`."""
    return np.rint(unit_value * np.exp(sigma * NORMAL)).astype(np.int64)


def discrete_table(shares: NDArray[np.float64]) -> NDArray[np.uint16]:
    """uint16[65536]: number k stands as often in it as its share says, to one place."""
    ends = np.rint(np.cumsum(shares) / shares.sum() * 65_536).astype(np.int64)
    return np.searchsorted(ends, np.arange(65_536), side="right").astype(np.uint16)


def gamma_shares(shape: float, scale: float, most: int) -> NDArray[np.float64]:
    """Shares of 0, 1, ... `most` - 1 of a gamma distribution that is cut to whole numbers, by the midpoint rule."""
    steps = 2000
    middle = (np.arange(most * steps) + 0.5) / steps
    density = middle ** (shape - 1) * np.exp(-middle / scale) / (math.gamma(shape) * scale**shape)
    shares: NDArray[np.float64] = density.reshape(most, steps).sum(axis=1) / steps
    return shares
