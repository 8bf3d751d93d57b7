"""Which function follows which: routines that games go through, and kinds of games that like some more than others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from logpress.sample.living import rates
from logpress.sample.vocabulary import FUNCTIONS

_PLACES = {function.name.removeprefix("Backend."): place for place, function in enumerate(FUNCTIONS)}

COUNT = len(FUNCTIONS)
RENAME = _PLACES["BMember.UpdateNickname"]

ROUTINES: dict[str, tuple[int, ...]] = {
    name: tuple(_PLACES[step] for step in steps.split())
    for name, steps in {
        "tables": "Chart.GetChartList Chart.GetChartContents GameData.GetMyData",
        "token": "BMember.IsAccessTokenAlive BMember.RefreshTheBackendToken BMember.GetUserInfo",
        "post": "UPost.GetPostList UPost.ReceivePostItemAll GameData.UpdateV2",
        "save": "GameData.TransactionRead GameData.UpdateV2 GameData.TransactionWrite",
        "round": "GameData.GetMyData GameData.UpdateV2 URank.User.UpdateUserScore",
        "match": "Utils.GetServerTime GameData.TransactionRead GameData.TransactionWrite URank.User.UpdateUserScore "
        "URank.User.GetMyRank",
        "ladder": "URank.User.GetRankList URank.User.GetMyRank GameData.Get",
        "summon": "Probability.GetProbability GameData.Insert GameData.UpdateV2",
        "summon ten": "Probability.GetProbabilitys GameData.TransactionWrite GameData.GetMyData",
        "sell": "GameData.GetMyData GameData.DeleteV2 GameData.TransactionWrite",
        "friends": "Friend.GetFriendList Friend.RequestFriend GameData.Get",
        "guild": "Guild.GetMyGuildInfoV3 Guild.GetGuildMemberListV3 Guild.ContributeGoodsV3",
        "guild war": "URank.Guild.GetRankList Guild.GetMyGuildInfoV3 GameData.TransactionWrite "
        "URank.User.UpdateUserScore",
        "clock": "Utils.GetServerTime GameData.UpdateV2 GameData.TransactionRead",
        "coupon": "Coupon.UseCoupon UPost.GetPostList UPost.ReceivePostItemAll",
    }.items()
}
"""Functions that are called one after the other, again and again."""

MINOR = frozenset(ROUTINES) - {"tables", "save"}
"""A game may have none of these."""

KINDS: dict[str, dict[str, float]] = {
    "role-playing": {"save": 3, "round": 2, "summon": 1.5, "sell": 1.5, "guild": 1, "post": 1, "token": 0.4},
    "idle": {"save": 2, "clock": 4, "post": 2, "round": 1, "ladder": 0.5, "token": 0.8},
    "collection": {"summon": 3, "summon ten": 3, "sell": 2, "post": 1.5, "coupon": 0.6, "save": 1},
    "match": {"match": 5, "ladder": 2.5, "friends": 1, "save": 0.7, "post": 0.6},
    "guild war": {"guild": 3, "guild war": 4, "ladder": 1, "save": 1.5, "post": 1},
    "casual": {"round": 4, "ladder": 2, "friends": 1.5, "save": 1, "post": 0.5},
    "social": {"friends": 4, "guild": 1.5, "post": 2, "save": 1, "ladder": 1, "coupon": 0.5},
    "puzzle": {"round": 3, "clock": 1.5, "ladder": 1.5, "match": 1, "save": 1, "token": 0.5},
}
KIND_WEIGHTS = (22, 18, 13, 12, 8, 12, 6, 9)
OTHER_ROUTINE = 0.15
"""Weight of a routine that a kind does not name."""

_START = {
    "BMember.GetUserInfo": 0.36, "Chart.GetChartList": 0.26, "GameData.GetMyData": 0.12,
    "GameData.TransactionRead": 0.1, "UPost.GetPostList": 0.08, "Utils.GetServerTime": 0.08,
}  # fmt: skip
"""What comes after the login."""

GROUPS = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 5, 5, 6, 6, 6, 6, 7, 7, 8, 8, 8, 9])
"""Group of each function: account, data, rows, charts, chance, rank, guild, friends, post, clock."""

WEIGHT_SUM = 4095
"""Weights of a function's successors add up to about this."""

_CYCLES = np.zeros((len(ROUTINES), COUNT, COUNT))
for _number, _routine in enumerate(ROUTINES.values()):
    for _step, _function in enumerate(_routine):
        _CYCLES[_number, _function, _routine[(_step + 1) % len(_routine)]] += 1.0


def kind_weights() -> NDArray[np.float64]:
    """float64[kinds, routines], the weights of routines by kind of game."""
    return np.array([[liked.get(name, OTHER_ROUTINE) for name in ROUTINES] for liked in KINDS.values()])


def chains(weights: NDArray[np.float64]) -> tuple[NDArray[np.uint16], NDArray[np.float64]]:
    """How functions follow one another in games.

    Whoever goes through the routines backwards calls each function as often as others, because a flow that enters each
    function as often as it leaves it still does so if it is turned round.

    Args:
        weights: float64[games, routines].

    Returns:
        uint16[games, 2, functions, functions], weights of each function's successors, forward and backward;
        float64[games, functions], how often each function is called, as shares, apart from logins.
    """
    weights = weights / (weights @ _CYCLES.sum(axis=(1, 2)))[:, None]
    shares = weights @ _CYCLES.sum(axis=2)
    flow = (weights @ _CYCLES.reshape(len(_CYCLES), -1)).reshape(-1, COUNT, COUNT)
    flow *= 1.0 - rates.ASIDE_SHARE - rates.REPEAT_SHARE
    flow += rates.ASIDE_SHARE * shares[:, :, None] * shares[:, None, :]
    every = np.arange(COUNT)
    flow[:, every, every] += rates.REPEAT_SHARE * shares
    # what enters or leaves a function is its share, so divided by it the flow is a distribution
    scale = np.divide(WEIGHT_SUM, shares, out=np.zeros_like(shares), where=shares > 0)[:, :, None]
    successors = np.empty((len(weights), 2, COUNT, COUNT), dtype=np.uint16)
    successors[:, 0] = flow * scale + 0.5
    successors[:, 1] = flow.transpose(0, 2, 1) * scale + 0.5
    known = np.array([_START.get(function.name.removeprefix("Backend."), 0.0) for function in FUNCTIONS])
    game, never = np.nonzero(shares == 0)
    successors[game, :, never] = np.rint((0.7 * known + 0.3 * shares) * WEIGHT_SUM)[game][:, None, :]
    return successors, shares
