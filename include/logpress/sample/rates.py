"""Rates and scales of all the sample's random choices.

They are chosen so that a million records in two hours have, in bytes a record, order-0 entropies of about
0.605 (function), 0.94 (elapsed), 0.16 (status), 0.375 (shard), 0.9 (counter within shard and second), 0.235 (end
slip), 0.49 (ingest lag), 0.13 (arrival), and gaps of about 16 bits; `bench/entropy.py` measures them.
"""

from __future__ import annotations

GAMES = 3000
GAME_ZIPF = 1.05
GAME_ZIPF_SHIFT = 2.0
OTHER_VERSION_SHARE = 0.04
"""Share of users with another SDK version than most users of their game."""

SESSION_MEDIAN_CALLS = 57.0
SESSION_SIGMA = 0.82
SESSION_MAX_CALLS = 2000
USERS_PER_SESSION = 0.93

GAP_MEDIAN_MS = 4_300.0
GAP_SIGMA = 1.2
"""Time between the begins of two calls of a session; log-normal, as for all sigmas here."""

REPEAT_SHARE = 0.10
"""Share of calls to the same function as the call before."""

ELAPSED_SIGMA = 0.27
SLOW_SHARE = 0.01
SLOW_MEDIAN = 2.2
SLOW_SIGMA = 0.4
"""Share of slow calls, and the factor by which they take longer."""
ELAPSED_MAX_MS = 60_000

ERROR_SHARE = 0.03
OTHER_URL_SHARE = 0.001

SLIP_WEIGHTS = (0.33, 0.38, 0.24)
"""Shares of 0, 1 and 2 ms between begin + elapsed and end. The rest slips by 3 ms or more, geometrically."""
SLIP_TAIL_MEAN_MS = 2.0
SLIP_MAX_MS = 2000

LAG_SHAPE = 1.25
LAG_SCALE_S = 4.0
"""Gamma distribution: time from end to `timestamp` of a record that is not late."""
LATE_SHARE = 0.01
LATE_MEDIAN_S = 180.0
LATE_SIGMA = 0.8
LATE_MAX_S = 3600
VERY_LATE_SHARE = 0.0003
VERY_LATE_S = (3600, 6 * 3600)

BEHIND_WEIGHTS = (0.52, 0.475, 0.005)
"""Shares of 0, 1 and 2 s from the arrival second in the stream to `timestamp`."""

SHARDS = 8
COUNTER_STEP_MEAN = 8.0
"""Mean step of a shard's counter between records of this log; geometric, because other logs use the numbers between."""

RECORDS_PER_RARE = 5_000
RECORDS_PER_DAMAGED = 50_000
RECORDS_PER_BLANK = 50_000

HOUR_WEIGHTS = (
    1.10, 1.00, 0.95, 1.05, 1.10, 1.05, 1.05, 1.10, 1.20, 1.30, 1.40, 1.55,
    1.70, 1.80, 1.65, 1.30, 0.90, 0.60, 0.40, 0.30, 0.30, 0.45, 0.75, 1.00,
)  # fmt: skip
"""Weights of session starts by UTC hour: people in Korea (UTC+9) play in the evening and sleep at night."""
