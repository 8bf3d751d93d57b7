"""The living population: days that can be drawn alone, users and games that last, and as many records as asked for."""

from __future__ import annotations

import gzip
import json
import re
import tracemalloc
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.conftest import SEED

from logpress.errors import LogpressError, UsageError
from logpress.sample import World, generate_lines, records_of, series, write_days, write_sample
from logpress.sample.draw import Rows
from logpress.sample.kinds import Kind, counts
from logpress.sample.lines import Printer
from logpress.sample.living import LivingDay, rates
from logpress.sample.living.chains import RENAME
from logpress.sample.living.day import count_inside
from logpress.sample.living.games import release, release_name, volume
from logpress.sample.living.people import alive, sign_ups
from logpress.sample.living.world import hour_shares
from logpress.sample.plain import compact, document, hit
from logpress.sample.plan import Plan, Shape
from logpress.sample.population import Population
from logpress.sample.sequence import Sequencer
from logpress.sample.unusual import MODELS, unusual_line
from logpress.sample.vocabulary import ANSWERS

DAY = date(2021, 12, 26)
STATUS = np.array([answer.status for answer in ANSWERS])


def drawn(day: date, records: int, world: World) -> tuple[Rows, Population]:
    living = LivingDay.draw(Plan(day, records, world.seed), world)
    return np.concatenate(list(living.hours())), living.population


@pytest.fixture(scope="module")
def week() -> list[tuple[Rows, Population]]:
    """Eight days with 60,000 records on an average one."""
    world = World.of(Plan(DAY, 60_000))
    return [drawn(day, records_of(day, 60_000), world) for day in series(DAY, 8)]


def identities(rows: Rows, population: Population) -> np.ndarray:
    user = rows["user"]
    return np.array([population.game[user], population.created[user]]).T


# records


@pytest.mark.parametrize("shape", ["hit", "document"])
@pytest.mark.parametrize(
    "plan", [Plan(DAY, 5_000, 7, 10, 11), Plan(date(2024, 3, 1), 3_000, 1), Plan(date(1999, 12, 31), 3_000, 2, 22, 23)]
)
def test_lines_are_those_of_plain_python(plan: Plan, shape: Shape) -> None:
    living = LivingDay.draw(plan, World.of(plan))
    population, sequencer, expected = living.population, Sequencer(plan), []
    printer = Printer(plan, population, shape)
    got = b""
    for number, rows in enumerate(living.hours()):
        sequences = sequencer.take(number, rows)
        for row in range(len(rows)):
            usual, name = document(rows, row, population), sequences.number(row)
            if rows["kind"][row]:
                expected.append(unusual_line(Kind(rows["kind"][row]), usual, name, shape, int(rows["tick"][row])))
            else:
                expected.append(compact(hit(usual, name) if shape == "hit" else usual))
        hour = printer.hour(rows, sequences)
        got += b"".join(bytes(chunk) for chunk in printer.chunks(hour, 0, len(rows)))
    assert got == b"".join(line + b"\n" for line in expected)
    whole = generate_lines(
        plan.day, plan.records, plan.seed, (plan.first_hour, plan.last_hour), shape, world=World.of(plan)
    )
    assert b"".join(whole) == got


def test_regular_records_have_the_seed_records_layout() -> None:
    def layout(line: bytes) -> bytes:
        return re.sub(rb'"(?:[^"\\]|\\.)*"(?=[,}\]])|\d+(?=[,}\]])', b"?", line)

    lines = b"".join(generate_lines(DAY, 12_000, world=World(7, 12_000))).split(b"\n")[:-1]
    layouts = Counter(map(layout, lines))
    assert layouts.most_common(1)[0][0] == layout(compact(SEED))
    assert layouts.most_common(1)[0][1] > 0.99 * len(lines)
    assert sum(line == b"" for line in lines) == counts(12_000)[2]


@pytest.mark.parametrize("hours", [(0, 23), (0, 0), (10, 11), (22, 23)])
@pytest.mark.parametrize("records", [1, 2, 99, 1_000, 20_000])
def test_as_many_records_as_asked_for_in_the_hours(records: int, hours: tuple[int, int]) -> None:
    plan = Plan(DAY, records, 7, *hours)
    living = LivingDay.draw(plan, World.of(plan))
    rows = list(living.hours())
    assert sum(map(len, rows)) == records
    for number, hour in enumerate(rows):
        stamp = hour["stamp"].astype(np.int64)
        assert (stamp // 3600 * 3600 == plan.start + 3600 * number).all()
        assert (stamp * 1000 + 999 >= hour["begin"] + hour["elapsed"] + hour["slip"]).all()
    assert (np.diff(np.concatenate([hour["stamp"] // 3600 for hour in rows]).astype(np.int64)) >= 0).all()


@pytest.mark.parametrize("records", [300, 30_000])
def test_a_day_may_have_more_or_fewer_records_than_its_world_leads_to(records: int) -> None:
    rows, _ = drawn(DAY, records, World(7, 3_000))
    assert len(rows) == records


def test_rates(week: list[tuple[Rows, Population]]) -> None:
    rows = np.concatenate([rows for rows, _ in week])
    assert [len(rows) for rows, _ in week] == [records_of(day, 60_000) for day in series(DAY, 8)]
    assert np.mean(STATUS[rows["answer"]] >= 400) == pytest.approx(rates.ERROR_SHARE, rel=0.2)
    lag = rows["stamp"].astype(np.int64) - (rows["begin"] + rows["elapsed"] + rows["slip"]) // 1000
    assert lag.min() >= 0
    assert np.mean(lag >= 60) == pytest.approx(0.0125, rel=0.25)
    assert 0.00005 < np.mean(lag >= 3600) < 0.001
    assert np.median(rows["elapsed"]) == pytest.approx(90, rel=0.1)
    assert np.mean(rows["other_url"]) == pytest.approx(0.001, rel=0.3)
    assert 100 <= rows["elapsed"].max() <= 60_000


def test_the_population_leads_to_about_as_many_records_as_it_is_made_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LivingDay, "_exact", lambda self, threads: self)
    world = World(7, 200_000)
    for hours in ((0, 23), (9, 14)):
        made = [
            LivingDay.draw(Plan(day, 1, 7, *hours), world).inside.sum() / float(volume(np.array([day.toordinal()]))[0])
            for day in series(DAY, 4)
        ]
        share = hour_shares()[hours[0] : hours[1] + 1].sum()
        assert np.mean(made) == pytest.approx(1.045 * 200_000 * share, rel=0.06)
    assert hour_shares().sum() == pytest.approx(1)


# days


def test_the_same_seed_gives_the_same_bytes_and_a_day_needs_no_other(tmp_path: Path) -> None:
    whole = write_days(tmp_path / "whole", DAY, 4_000, 3, truth=tmp_path / "truth")
    part = write_days(tmp_path / "part", DAY + timedelta(1), 4_000, 1)
    again = write_days(tmp_path / "again", DAY + timedelta(1), 4_000, 2)
    assert [path.name for path in part[0].paths] == [path.name for path in whole[1].paths]
    for one, two in zip(part[0].paths + again[1].paths, whole[1].paths + whole[2].paths, strict=True):
        assert one.read_bytes() == two.read_bytes()
        assert one.name == two.name
    other = write_days(tmp_path / "other", DAY, 4_000, 1, seed=8)
    assert {path.name for path in other[0].paths}.isdisjoint(path.name for path in whole[0].paths)
    assert [summary.records for summary in whole] == [records_of(day, 4_000) for day in series(DAY, 3)]
    assert {path.relative_to(tmp_path / "whole").as_posix()[:10] for one in whole for path in one.paths} == {
        "2021/12/26", "2021/12/27", "2021/12/28",
    }  # fmt: skip


def test_any_number_of_threads_gives_the_same_rows() -> None:
    plan = Plan(DAY, 30_000)
    one, three = (
        np.concatenate(list(LivingDay.draw(plan, World.of(plan), threads).hours(threads))) for threads in (1, 3)
    )
    assert (one == three).all()


def test_hours_are_a_view_of_the_whole_day() -> None:
    world = World(7, 40_000)
    whole, of_day = drawn(DAY, 40_000, world)
    inside = (whole["stamp"] // 3600 % 24 >= 10) & (whole["stamp"] // 3600 % 24 <= 11)
    living = LivingDay.draw(Plan(DAY, int(inside.sum()), 7, 10, 11), world)
    part, of_hours = np.concatenate(list(living.hours())), living.population
    known = {tuple(row) for row in identities(whole[inside], of_day).tolist()}
    seen = Counter(map(tuple, identities(part, of_hours).tolist()))
    assert sum(count for who, count in seen.items() if who in known) > 0.9 * len(part)


def test_a_larger_world_has_the_users_of_a_smaller_one() -> None:
    day = DAY.toordinal()
    small, large = (alive(World(7, records), day, day) for records in (20_000, 50_000))
    assert 0 < len(small) < len(large)
    assert set(small.key.tolist()) < set(large.key.tolist())
    assert not set(alive(World(8, 50_000), day, day).key.tolist()) & set(large.key.tolist())


def test_what_begins_before_midnight_arrives_after_it(week: list[tuple[Rows, Population]]) -> None:
    for (before, of_before), (after, of_after), day in zip(week, week[1:], series(DAY, 8)[1:], strict=False):
        midnight = Plan(day, 1).start * 1000
        late = after[after["begin"] < midnight]
        assert 0 < len(late) < 0.03 * len(after)
        known = {tuple(row) for row in identities(before, of_before).tolist()}
        came = {tuple(row) for row in identities(late, of_after).tolist()}
        # whose session began in the last minutes may have no record of the day before
        assert len(came - known) <= 0.1 * len(came) + 2
        both = np.concatenate([before["begin"] % 2**40, late["begin"] % 2**40])
        assert len(np.unique(both)) > 0.99 * len(both)


def test_a_session_over_midnight_is_in_two_days_and_whole() -> None:
    world = World(7, 200_000)
    first, second = (LivingDay.draw(Plan(day, 200_000), world) for day in series(DAY, 2))
    shared, one, two = np.intersect1d(first.visits.key, second.visits.key, return_indices=True)
    assert len(shared) > 10
    assert (first.visits.calls[one] == second.visits.calls[two]).all()
    seen = first.inside[one] + second.inside[two]
    assert (seen <= first.visits.calls[one]).all()
    assert np.mean(seen == first.visits.calls[one]) > 0.95  # of the others, records arrive a day later


def test_memory_grows_with_an_hour_and_not_with_the_day() -> None:
    plan = Plan(DAY, 400_000)
    living = LivingDay.draw(plan, World.of(plan), 1)
    next(living.hours(1))
    tracemalloc.start()
    total = sum(len(rows) for rows in living.hours(1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 400_000
    assert peak < 400_000 * 32 * 0.45


# users


def test_users_never_call_before_they_signed_up(week: list[tuple[Rows, Population]]) -> None:
    new = 0
    for rows, population in week:
        created = population.created[rows["user"]]
        assert (rows["begin"] > created).all()
        new += len(np.unique(created[created // 86_400_000 == rows["begin"] // 86_400_000]))
    assert new > 100


def test_a_nickname_changes_by_a_call_that_changes_it(week: list[tuple[Rows, Population]]) -> None:
    parts = []
    for rows, population in week:
        names = np.array([population.nickname(user) for user in range(len(population.game))], dtype=object)
        who = identities(rows, population)
        said = (names[rows["user"]], rows["call"], STATUS[rows["answer"]])
        parts += list(zip(who[:, 0], who[:, 1], rows["begin"], *said, strict=True))
    parts.sort(key=lambda call: call[:3])
    changes = 0
    for (*one, name, call, status), (*two, other, _, _) in pairwise(parts):
        if one[:2] == two[:2] and name != other:
            changes += 1
            assert call == RENAME
            assert status == 204
    users = len({call[:2] for call in parts})
    assert 0.001 * users < changes < 0.03 * users


def test_a_users_sdk_is_never_older_than_before(week: list[tuple[Rows, Population]]) -> None:
    newest: dict[tuple[int, int], tuple[int, ...]] = {}
    risen, seen = 0, set()
    for rows, population in week:
        numbers = [tuple(map(int, version.split("."))) for version in population.versions]
        users = np.unique(rows["user"][rows["begin"] // 86_400_000 == rows["stamp"].max() // 86_400])
        for user in users.tolist():
            who, version = (
                (int(population.game[user]), int(population.created[user])),
                numbers[population.version[user]],
            )
            assert newest.get(who, version) <= version
            risen += newest.get(who, version) < version
            newest[who] = version
            seen.add(version)
    assert risen > 5
    assert len(seen) > 4


def test_releases_follow_the_calendar() -> None:
    days = np.arange(DAY.toordinal() - 400, DAY.toordinal() + 400)
    names = [release_name(number) for number in release(days).tolist()]
    assert len(set(names)) == pytest.approx(800 / rates.RELEASE_DAYS, abs=2)
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", name) for name in names)
    assert release(np.array([1])).tolist() == [0]


def test_an_unusual_device_is_the_users_own() -> None:
    plan = Plan(DAY, 60_000)
    living = LivingDay.draw(plan, World.of(plan))
    lines = b"".join(generate_lines(DAY, 60_000, world=World.of(plan))).split(b"\n")
    models = {}
    for line in lines:
        if b'"device":' in line:
            source = json.loads(line)["_source"]
            models[source["client_app_id"], source["user_inDate"]] = source["device"]["model"]
    assert models
    people, ids = living.people, living.world.game_ids
    for user in range(len(people)):
        created = np.datetime64(int(people.created[user]), "ms").item().isoformat(timespec="milliseconds") + "Z"
        model = models.get((ids[people.game[user]], created))
        assert model in (None, MODELS[people.device[user]])


def test_extra_calls_do_not_change_those_before() -> None:
    plan = Plan(DAY, 10_000)
    living = LivingDay.draw(plan, World.of(plan))
    longer = replace(living, visits=replace(living.visits, calls=living.visits.calls + 5))
    assert (count_inside(longer, 1) >= living.inside).all()
    some = np.arange(len(living.visits))
    rows = living._draw(some)
    more = replace(longer, inside=count_inside(longer, 1))._draw(some)
    ends = np.cumsum(living.inside)
    begins = np.cumsum(count_inside(longer, 1)) - count_inside(longer, 1)
    for first, last, at in zip(ends - living.inside, ends, begins, strict=True):
        assert (rows[first:last] == more[at : at + last - first]).all()


# the truth


def test_the_truth_says_who_users_are(tmp_path: Path) -> None:
    (summary,) = write_days(tmp_path / "raw", DAY, 20_000, truth=tmp_path / "truth")
    assert summary.records == 20_000
    users, games = (pq.read_table(tmp_path / "truth" / name) for name in ("users.parquet", "games.parquet"))
    keys = set(
        zip(
            users["client_app_id"].to_pylist(),
            (moment.isoformat(timespec="milliseconds") for moment in users["user_created_at"].to_pylist()),
            strict=True,
        )
    )
    assert len(keys) == len(users)
    seen = set()
    for path in summary.paths:
        for line in gzip.decompress(path.read_bytes()).splitlines():
            try:
                source = json.loads(line)["_source"]
                seen.add((source["client_app_id"], source["user_inDate"].replace("Z", "+00:00")))
            except (ValueError, KeyError):
                continue
    assert len(seen) > 80
    assert seen <= keys
    assert {key[0] for key in keys} <= set(games["client_app_id"].to_pylist())
    shares = np.array(games["functions"].to_pylist())
    assert np.allclose(shares.sum(axis=1), 1)
    again = (tmp_path / "truth" / "users.parquet").read_bytes()
    write_days(tmp_path / "raw", DAY, 20_000, truth=tmp_path / "truth")
    assert (tmp_path / "truth" / "users.parquet").read_bytes() == again


def test_users_of_small_samples_are_in_the_truth_too(tmp_path: Path) -> None:
    write_days(tmp_path / "raw", DAY, 300, hours=(3, 3), truth=tmp_path / "truth")
    lines = b"".join(generate_lines(DAY, 300, hours=(3, 3), world=World.of(Plan(DAY, 300, 7, 3, 3)))).splitlines()
    created = {json.loads(line)["_source"]["user_inDate"].replace("Z", "+00:00") for line in lines}
    users = pq.read_table(tmp_path / "truth" / "users.parquet")
    assert created <= {moment.isoformat(timespec="milliseconds") for moment in users["user_created_at"].to_pylist()}


def test_traits_show_in_the_records(week: list[tuple[Rows, Population]]) -> None:
    world = World.of(Plan(DAY, 60_000))
    people = alive(world, DAY.toordinal() - 1, DAY.toordinal() + 7)
    place = {
        (int(game), int(created)): k for k, (game, created) in enumerate(zip(people.game, people.created, strict=True))
    }
    days, calls, failed, time = (np.zeros(len(people)) for _ in range(4))
    for rows, population in week:
        who = np.array([place[tuple(row)] for row in identities(rows, population).tolist()])
        np.add.at(days, np.unique(who), 1)
        np.add.at(calls, who, 1)
        np.add.at(failed, who, STATUS[rows["answer"]] >= 400)
        np.add.at(time, who, np.log(np.maximum(rows["elapsed"], 1)))
    much = calls > 150
    assert much.sum() > 300
    stayed = (people.last >= DAY.toordinal() + 7) & (people.cohort < DAY.toordinal())
    assert np.corrcoef(people.play_chance()[stayed], days[stayed])[0, 1] > 0.3
    assert np.corrcoef(np.log(people.errors()[much]), np.log(failed[much] / calls[much] + 0.002))[0, 1] > 0.6
    assert np.corrcoef(np.log(people.time()[much]), time[much] / calls[much])[0, 1] > 0.5


def test_the_truth_stays_out_of_the_raw_input_and_out_of_lakes(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="raw input"):
        write_days(tmp_path / "raw", DAY, 100, truth=tmp_path / "raw" / "truth")
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "_logpress.json").write_text("{}")
    with pytest.raises(UsageError, match="inside the lake"):
        write_days(tmp_path / "raw", DAY, 100, truth=tmp_path / "lake" / "truth")
    assert not (tmp_path / "raw").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(LogpressError, match="cannot be written"):
        write_days(tmp_path / "raw", DAY, 100, truth=tmp_path / "file")


# arguments


def test_still_and_living_samples_do_not_mix(tmp_path: Path) -> None:
    write_sample(tmp_path, DAY, 1_000, hours=(10, 10))
    with pytest.raises(UsageError, match="already has"):
        write_days(tmp_path, DAY, 1_000, hours=(10, 10))


def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="give 1 or more"):
        write_days(tmp_path, DAY, 100, 0)
    with pytest.raises(UsageError, match="calendar ends"):
        write_days(tmp_path, date(9999, 12, 30), 100, 5)
    with pytest.raises(UsageError, match="negative"):
        World(-1, 100)
    with pytest.raises(UsageError, match="negative"):
        write_days(tmp_path, DAY, 100, 1, seed=-1)


@pytest.mark.parametrize("seed", [0, 2**31, 2**32, 2**40 + 5])
def test_seeds_of_any_size_give_worlds_of_their_own(seed: int) -> None:
    keys = {World(one, 10.0).key for one in (seed, seed + 1, seed + 2**32)}
    assert len(keys) == 3
    assert len(sign_ups(World(seed, 1e6), range(DAY.toordinal(), DAY.toordinal() + 1))) > 300
