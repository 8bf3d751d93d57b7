"""Rates and scales of the living population; what it shares with the still one is in `sample/rates.py`.

`bench/learning.py` measures what can be learned from the days that result.
"""

from __future__ import annotations

# How many users there are

CALLS_A_SESSION = 78.8
"""Mean of `SESSION_MEDIAN_CALLS` (57) with the two sigmas below."""
SESSION_BETWEEN_SIGMA = 0.4
SESSION_WITHIN_SIGMA = 0.7
"""Log-normal spread of the calls of a session, between users and between sessions of a user."""
RECORDS_A_SIGN_UP = 2180.0
"""Records that a user makes in his life, on average; so it is how many records a day one sign-up a day leads to."""
OLDEST_DAYS = 720
"""No user stays longer."""

WEEKDAYS = (0.95, 0.93, 0.94, 0.95, 1.00, 1.13, 1.10)
"""Volume of each weekday, Monday first, over that of an average day."""
SEASON = 0.10
SEASON_DAYS = 365.25
"""Amplitude and length of the season: more in some months than in others."""

# How users live

STAY_NOT_SHARE = 0.34
"""Share of users who never come back after the day they signed up; more on weak networks, fewer of the eager."""
STAY_MEDIAN_DAYS = 9.0
STAY_SIGMA = 1.6
STAY_BY_EAGERNESS = 0.6
"""How long the others stay: log-normal; which part of its spread is due to eagerness."""
PLAY_LEAST = 0.12
PLAY_RANGE = 0.83
"""A user plays on a day with a chance of 0.12 (not eager at all) to 0.95."""
BREAK_LEAST = 0.04
BREAK_RANGE = 0.20
"""Share of weeks in which a user takes a break, all seven days."""
SESSIONS_LEAST = 0.10
SESSIONS_RANGE = 1.20
"""Mean number of sessions of a day he plays, above the first; geometric."""
SESSIONS_MOST = 6
SESSION_APART_MS = 40 * 60_000
"""Least time between begins of two sessions of a user."""
OWN_HOUR_SHARE = 0.7
OWN_HOUR_SIGMA_H = 1.6
"""Share of sessions that begin near the user's own hour; the rest begins when all do."""
NAME_BLOCK_DAYS = 32
NAME_CHANGE_SHARE = 0.06
"""Chance to change the nickname in 32 days, if the user plays on the day drawn for it."""
BACKWARD_SHARE = 0.4
"""Share of users who go through a game's routines in the reverse order: seen in the order of calls alone."""
HABIT_GROUP_SIGMA = 0.8
HABIT_FUNCTION_SIGMA = 0.5
"""Log-normal spread of a user's liking for groups of functions, and for single ones."""
GUEST_SHARE = 0.45
"""Share of users who log in as guests."""
PACE_SIGMA = 0.3
SPEED_SIGMA = 0.15
ERROR_SIGMA = 0.8

# What they hold in their hands: a network (good, mobile, weak) and a device

NETWORK_WEIGHTS = (0.62, 0.28, 0.10)
NETWORK_ERRORS = (0.55, 1.0, 2.6)
NETWORK_TIME = (0.92, 1.05, 1.35)
NETWORK_LATE = (0.5, 1.2, 3.5)
NETWORK_LEAVING = (-0.05, 0.03, 0.20)
"""Errors, elapsed times and late records of networks, over the mean; what is added to the share who never come back."""
BAD_SHARE = (0.015, 0.05, 0.15)
BAD_ERRORS = 5.0
BAD_TIME = 1.4
BAD_LATE = 6.0
"""Share of sessions with a bad connection, by network, and what it does to them."""
DEVICE_WEIGHTS = (0.25, 0.30, 0.08, 0.27, 0.10)
DEVICE_TIME = (0.95, 1.10, 1.15, 0.92, 0.95)
"""Of the devices in `unusual.MODELS`."""

# How games differ

SIZE_WAVE = 0.7
SIZE_WAVE_DAYS = (40.0, 360.0)
"""Largest amplitude and range of periods of the waves of sign-ups of a game, log."""
WEEKEND_SIGMA = 0.25
"""Log-normal spread of how much more a game is played at weekends."""
ROUTINE_SIGMA = 0.7
ROUTINE_LEFT_OUT = 0.35
"""Log-normal spread of a game's routines about those of its kind, and the share of minor routines it has not."""
ASIDE_SHARE = 0.12
REPEAT_SHARE = 0.06
"""Share of calls outside any routine, and of the same function again."""
GAME_TIME_SIGMA = 0.10
GAME_ERROR_SIGMA = 0.4

RELEASE_DAYS = 45
BUILD_DAYS = (15, 400)
"""Days between releases of the SDK, and from one build of a game, with the SDK of its day, to the next: least and most,
and most games build often."""
ADOPTION_MEAN_DAYS = 2.5
ADOPTION_MOST_DAYS = 40
"""How long users take to install a build."""
BAD_BUILD_SHARE = 0.06
BAD_BUILD_ERRORS = 3.0
"""Share of builds in which more calls fail."""

# How calls go

GAP_MEDIAN_MS = 4_400.0
GAP_SIGMA = 1.1
LOGIN_GAP = 0.25
"""The gaps of a session's first calls, over the others."""
RETRY_SHARE = 0.55
RETRY_GAP = 0.3
"""Share of failed calls that are made again at once, and the gap before."""
ERROR_SHARE = 0.03
SESSION_LEAST_MS = 10 * 60_000
SESSION_MS_A_CALL = 30_000
"""A session ends after 10 minutes and 30 seconds a call, even if it would have had more calls."""
HELD_SHARE = 0.0012
HELD_S = (3600, 6 * 3600)
"""Share of sessions whose connection is lost, so that records from some call on arrive 1 to 6 hours later, together."""
