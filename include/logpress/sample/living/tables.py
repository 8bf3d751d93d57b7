"""What the kernel of sessions draws from: the same for all days and users."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logpress.sample import rates as still
from logpress.sample.living import rates
from logpress.sample.living.chains import RENAME
from logpress.sample.living.chance import discrete_table, gamma_shares, lognormal_table
from logpress.sample.plan import Plan
from logpress.sample.vocabulary import ANSWERS, ERRORS, FUNCTIONS, SUCCESS_STATUSES

SHARE = 65_536
FACTOR = 256
FIRST_ERROR = len(ANSWERS) - len(ERRORS)

MOST_LAG_S = 120
MOST_SLIP_MS = 400
_GAPS = {
    "Backend.Guild": 1.2,
    "Backend.URank": 1.15,
    "Backend.Chart": 0.4,
    "Backend.Utils": 0.7,
    "Backend.BMember": 0.8,
}
"""How much longer or shorter users wait before a function than before others."""
_FAILS = {
    "Backend.BMember": 1.6, "Backend.Coupon": 5.0, "Backend.Friend": 1.5, "Backend.Chart": 0.4, "Backend.Utils": 0.3,
}  # fmt: skip
_ONLY = {"Duplicated nickname": "UpdateNickname", "bad password": "Login", "table not found": "GameData"}
"""Errors that only some functions have."""
_NETWORK_TROUBLE = (408, 502, 503, 504)
_MORE_TROUBLE = (0.5, 2.0, 8.0)
"""How often errors of connections are, by network, over the others."""


@cache
def kernel_tables() -> tuple[NDArray[Any], ...]:
    """Quantiles of gaps, elapsed times, slow calls and late records; slips and lags; ends of shares of `behind`."""
    slips = np.zeros(MOST_SLIP_MS)
    slips[:3] = still.SLIP_WEIGHTS
    tail = 1 - 1 / still.SLIP_TAIL_MEAN_MS
    slips[3:] = (1 - sum(still.SLIP_WEIGHTS)) * (1 - tail) * tail ** np.arange(len(slips) - 3)
    late = lognormal_table(still.LATE_SIGMA, still.LATE_MEDIAN_S)
    return (
        lognormal_table(rates.GAP_SIGMA, rates.GAP_MEDIAN_MS),
        lognormal_table(still.ELAPSED_SIGMA, 4096),
        lognormal_table(still.SLOW_SIGMA, still.SLOW_MEDIAN * FACTOR),
        np.clip(late, 60, still.LATE_MAX_S),
        discrete_table(slips),
        discrete_table(gamma_shares(still.LAG_SHAPE, still.LAG_SCALE_S, MOST_LAG_S)),
        np.rint(np.cumsum(still.BEHIND_WEIGHTS) * SHARE).astype(np.int64),
    )


@cache
def kernel_functions() -> tuple[NDArray[np.int64], ...]:
    """Answer of success, median time, share of failures, gap and errors of each function."""
    failing = np.array([_by_prefix(_FAILS, function.name) for function in FUNCTIONS])
    weights = np.array([function.weight for function in FUNCTIONS])
    failing *= weights.sum() / (failing * weights).sum()
    return (
        np.array([SUCCESS_STATUSES.index(function.status) for function in FUNCTIONS], dtype=np.int64),
        np.array([round(16 * function.median_ms) for function in FUNCTIONS], dtype=np.int64),
        np.rint(rates.ERROR_SHARE * SHARE * failing).astype(np.int64),
        np.array([round(FACTOR * _by_prefix(_GAPS, function.name)) for function in FUNCTIONS], dtype=np.int64),
        np.rint(np.cumsum(error_shares(), axis=2) * SHARE).astype(np.int64),
    )


def error_shares() -> NDArray[np.float64]:
    """float64[networks, functions, errors], which errors failed calls have."""
    shares = np.zeros((len(rates.NETWORK_WEIGHTS), len(FUNCTIONS), len(ERRORS)))
    for network, more in enumerate(_MORE_TROUBLE):
        for place, function in enumerate(FUNCTIONS):
            for number, error in enumerate(ERRORS):
                only = next((name for reason, name in _ONLY.items() if error.reason.startswith(reason)), "")
                weight = error.weight * (more if error.status in _NETWORK_TROUBLE else 1.0)
                shares[network, place, number] = weight if only in function.name else 0.0
    shares /= shares.sum(axis=2, keepdims=True)
    return shares


def kernel_settings(plan: Plan) -> NDArray[np.int64]:
    """Numbers that the kernel needs, in its order."""
    shares = (rates.RETRY_SHARE, still.SLOW_SHARE, still.LATE_SHARE, still.OTHER_URL_SHARE)
    return np.array(
        [
            plan.start, plan.start + 3600 * plan.hours, FIRST_ERROR, RENAME,
            *(round(share * SHARE) for share in shares),
            round(rates.RETRY_GAP * FACTOR), round(rates.LOGIN_GAP * FACTOR),
        ],
        dtype=np.int64,
    )  # fmt: skip


def _by_prefix(factors: dict[str, float], name: str) -> float:
    return next((factor for prefix, factor in factors.items() if name.startswith(prefix)), 1.0)
