"""Days sorted by user: the last calls of a user are those that a scan finds, whatever days, files and threads."""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from tests.lake_bytes import holding
from tests.unit.day.test_erase import bare

from logpress import open_lake
from logpress.contract import Contract, load_contract
from logpress.contract.model import ByUser
from logpress.day import erasing, one_machine
from logpress.errors import ContractError, PartError, UsageError
from logpress.lake import Lake
from logpress.lake.by_user import by_user_table, read_by_user
from logpress.lake.catalog import open_catalog
from logpress.lake.check import check_lake
from logpress.lake.rollback import drop_day
from logpress.reading.users import bucket_of, hashes_of_users, key_of, order_keys
from logpress.sample import write_sample
from logpress.serving import build
from logpress.serving.build import build_by_user, kept_days
from logpress.serving.kernels_words import own_words
from logpress.serving.server import ARROW, server_of

DAYS = [date(2021, 12, 24), date(2021, 12, 25), date(2021, 12, 26)]
TABLE = "sdk_log"
ENTITY = ["client_app_id", "user_created_at"]
TIME = "request_begin_at"
TOKEN = "a token of tests 0123456789"


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load_contract(TABLE)


@pytest.fixture(scope="module", params=[1, 3], ids=["one bucket", "several buckets"])
def lake(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, contract: Contract) -> Iterator[str]:
    """Three days, two of which have the same users: those of the same seed, as the sample draws them for a day."""
    folder = tmp_path_factory.mktemp("lake")
    records = 6_000
    patch = pytest.MonkeyPatch()
    patch.setattr(build, "BUCKET_ROWS", -(-records // request.param))
    patch.setattr(build, "GROUP_ROWS", 512)
    uri = str(folder / "lake")
    for day in DAYS:
        written = write_sample(folder / str(day), DAYS[-1], records, seed=day.day % 2, compression="none")
        data = b"".join(path.read_bytes() for path in written.paths)  # users of the last day, on other days too
        raw = folder / "raw" / f"{day:%Y/%m/%d}"
        raw.mkdir(parents=True)
        (raw / "a.ndjson").write_bytes(data.replace(DAYS[-1].isoformat().encode(), day.isoformat().encode()))
        one_machine.run_day(contract, day, [str(raw)], uri)
        made, is_made = build_by_user(contract, day, uri)
        assert is_made
        assert made.buckets == request.param
    yield uri
    patch.undo()


def frame_of(lake: str, columns: list[str]) -> pd.DataFrame:
    return open_lake(lake).table(TABLE).scan(columns=columns).to_pandas()


def test_the_last_calls_are_those_of_a_scan(lake: str) -> None:
    history = open_lake(lake).table(TABLE).history()
    assert history.days == DAYS
    names = history.schema.names
    every = frame_of(lake, names)
    users = every[ENTITY].drop_duplicates().dropna()
    assert len(users) > 100
    over_days = 0
    for game, created in users.sample(120, random_state=7).itertuples(index=False):
        mine = every[(every.client_app_id == game) & (every.user_created_at == created)]
        over_days += mine[TIME].dt.date.nunique() > 1
        for calls in (1, 7, 5_000):
            expected = mine.sort_values(TIME, kind="stable").tail(calls)
            found = history.last(game, created.to_pydatetime(), calls=calls).to_pandas()
            assert list(found[TIME]) == list(expected[TIME])
            if calls == 5_000:
                order = [TIME, "func_name", "response_elapsed_ms"]
                one, two = (rows.sort_values(order).reset_index(drop=True) for rows in (found, expected))
                pd.testing.assert_frame_equal(one, two, check_dtype=False)
        middle = mine[TIME].sort_values().iloc[len(mine) // 2]
        expected = mine[mine[TIME] < middle].sort_values(TIME, kind="stable").tail(3)
        found = history.last(game, created.to_pydatetime(), calls=3, before=middle.to_pydatetime()).to_pandas()
        assert list(found[TIME]) == list(expected[TIME])
    assert over_days > 10, "users who live over days, or nothing is shown"


def test_users_are_named_in_several_ways_and_unknown_ones_have_no_calls(lake: str) -> None:
    history = open_lake(lake).table(TABLE).history()
    every = frame_of(lake, ENTITY).dropna()
    game, created = every.iloc[0]
    micros = created.as_unit("ns").value // 1_000
    ways = [
        created.to_pydatetime(), created.isoformat().replace("+00:00", "Z"), micros,
        created.to_pydatetime().replace(tzinfo=None), created.tz_localize(None).to_datetime64(),
        created.to_pydatetime().astimezone(tz=ZoneInfo("Asia/Seoul")),
    ]  # fmt: skip
    answers = [history.last(game, way, calls=5) for way in ways]
    assert answers[0].num_rows
    assert all(answer == answers[0] for answer in answers)
    nobody = history.last("no game", micros)
    assert nobody.num_rows == 0
    assert nobody.schema == history.schema
    assert history.last(game, micros + 1).num_rows == 0
    assert history.last(game, micros, columns=["func_name", TIME]).schema.names == ["func_name", TIME]


@pytest.mark.parametrize(
    ("user", "more", "words"),
    [
        (("game",), {}, "a user is named by client_app_id, user_created_at; 1 values are given"),
        (("game", "yesterday"), {}, "user_created_at of a user cannot be 'yesterday'"),
        ((7, 7), {}, "client_app_id of a user cannot be 7: it is not a text"),
        (("game", True), {}, "user_created_at of a user cannot be True"),
        (("game", 7), {"calls": 0}, "calls is 0; give 1 to 100,000"),
        (("game", 7), {"columns": ["nix"]}, "there is no column 'nix'; there are client_app_id"),
        (("game", 7), {"before": "soon"}, "before of a user cannot be 'soon'"),
    ],
)
def test_a_wrong_question_is_answered_with_what_is_wrong(lake: str, user: Any, more: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words.split(";")[0]):
        open_lake(lake).table(TABLE).history().last(*user, **more)


def test_threads_share_a_history(lake: str) -> None:
    history = open_lake(lake).table(TABLE).history()
    every = frame_of(lake, ENTITY).dropna().drop_duplicates()
    users = [(game, created.to_pydatetime()) for game, created in every.head(60).itertuples(index=False)]
    alone = [history.last(*user) for user in users]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda user: open_answers(history, user), users * 4)) == alone * 4


def open_answers(history: Any, user: Any) -> pa.Table:
    return history.last(*user)


def test_any_engine_reads_the_files(lake: str) -> None:
    folder = Lake.open(lake).by_user_folder(TABLE, DAYS[-1])
    names = [*ENTITY, TIME, "func_name", "response_elapsed_ms"]
    expected = open_lake(lake).table(TABLE).scan(str(DAYS[-1]), columns=names).to_polars().drop_nulls("user_created_at")
    order = [*names]
    read = pl.read_parquet(f"{folder}/*.parquet", columns=names, hive_partitioning=False)
    assert read.sort(order).equals(expected.sort(order))
    connection = duckdb.connect()
    rows = connection.sql(
        f"SELECT count(*), count(DISTINCT client_app_id) FROM read_parquet('{folder}/*.parquet')"
    ).fetchall()
    assert rows == [(expected.height, expected["client_app_id"].n_unique())]
    for path in Path(folder).iterdir():
        table = pq.read_table(path, columns=ENTITY, partitioning=None)
        pairs = list(zip(table.column(0).to_pylist(), table.column(1).cast(pa.int64()).to_pylist(), strict=True))
        assert pairs == sorted(pairs)
    with open_catalog(Lake.open(lake)) as catalog:
        found = catalog.load(by_user_table(TABLE))
        assert found is not None
        assert found.scan(selected_fields=("day",)).to_arrow().num_rows == sum(
            made.rows for day in DAYS if (made := read_by_user(Lake.open(lake), TABLE, day)) is not None
        )


# -- making days


@pytest.fixture
def small(tmp_path: Path, contract: Contract) -> Any:
    """Press records of a day into a lake."""

    def press(day: date, records: list[bytes]) -> str:
        folder = tmp_path / "raw" / f"{day:%Y/%m/%d}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "a.ndjson").write_bytes(b"\n".join(records))
        one_machine.run_day(contract, day, [str(folder)], str(tmp_path / "lake"))
        return str(tmp_path / "lake")

    return press


def test_a_day_is_sorted_once_and_again_when_it_is_published_again(small: Any, contract: Contract) -> None:
    day = DAYS[-1]
    lake = small(day, [bare(number) for number in range(50)])
    _, is_made = build_by_user(contract, day, lake)
    assert is_made
    history = open_lake(lake).table(TABLE).history()
    user = frame_of(lake, ENTITY).iloc[0]
    before = history.last(user.iloc[0], user.iloc[1].to_pydatetime())
    assert not build_by_user(contract, day, lake)[1]
    small(day, [bare(number) for number in range(60)])
    assert build_by_user(contract, day, lake)[1]
    assert history.last(user.iloc[0], user.iloc[1].to_pydatetime()) == before, "its files are still there"
    history.refresh()
    assert history.last(user.iloc[0], user.iloc[1].to_pydatetime()).num_rows == 60
    assert list(check_lake(Lake.open(lake), [TABLE])) == []


def test_only_the_newest_days_are_kept(small: Any, contract: Contract) -> None:
    kept = contract.model_copy(update={"by_user": ByUser(keep=2)})
    for day in DAYS:
        lake = small(day, [bare(number, day=day) for number in range(20)])
        build_by_user(kept, day, lake)
    found = Lake.open(lake)
    assert kept_days(found, kept) == DAYS[1:]
    assert open_lake(lake).table(TABLE).history().days == DAYS[1:]
    assert not Path(found.by_user_folder(TABLE, DAYS[0])).exists()


def test_rows_without_a_user_are_left_out_and_counted(small: Any, contract: Contract) -> None:
    lake = small(
        DAYS[-1], [bare(number, user_inDate=None) if number % 5 == 0 else bare(number) for number in range(50)]
    )
    made, _ = build_by_user(contract, DAYS[-1], lake)
    assert (made.rows, made.without_user) == (40, 10)


def test_a_day_without_rows_is_sorted(small: Any, contract: Contract) -> None:
    lax = contract.model_copy(update={"checks": ()})
    lake = small(DAYS[-1], [bare(1)])
    lake_of_none = str(Path(lake).parent / "none")
    folder = Path(lake).parent / "raw2/2021/12/26"
    folder.mkdir(parents=True)
    (folder / "a.ndjson").write_bytes(b"not json\n")
    one_machine.run_day(lax, DAYS[-1], [str(folder)], lake_of_none)
    made, _ = build_by_user(lax, DAYS[-1], lake_of_none)
    assert (made.rows, made.files) == (0, ())


def test_calls_that_arrive_late_come_in_their_place(small: Any, contract: Contract) -> None:
    """A call of the day before that arrives a day late is older than others that are stored on the day before."""
    early = "2021-12-25T01:00:00.000Z"
    for day in DAYS[1:]:
        late = [bare(5, day=day, request_begin_timestamp=early, request_end_timestamp=early)] if day == DAYS[-1] else []
        lake = small(day, [bare(number, day=day) for number in range(10)] + late)
        build_by_user(contract, day, lake)
    every = frame_of(lake, [*ENTITY, TIME])
    user = every.iloc[0]
    times = every[TIME].sort_values()
    for calls in range(1, len(every) + 1):
        found = open_lake(lake).table(TABLE).history().last(user.iloc[0], user.iloc[1].to_pydatetime(), calls=calls)
        assert found.column(TIME).to_pylist() == [time.to_pydatetime() for time in times.tail(calls)]


def test_an_erased_user_is_in_no_byte_of_it(small: Any, contract: Contract) -> None:
    name = "지워질 사람/7"
    lake = small(DAYS[-1], [bare(number, name if number % 5 == 0 else None) for number in range(50)])
    build_by_user(contract, DAYS[-1], lake)
    period = DAYS[-1], DAYS[-1]
    erasing.erase(contract, lake, [f'nickname = "{name}"'], period=period, at_once=True)
    assert holding(Path(lake), [name]) == []
    made, is_made = build_by_user(contract, DAYS[-1], lake)
    assert is_made
    assert made.rows == 40
    erasing.finish(contract, lake)
    assert read_by_user(Lake.open(lake), TABLE, DAYS[-1]) == made, "it was made after the erasure"


def test_a_damaged_file_is_said(small: Any, contract: Contract) -> None:
    lake = small(DAYS[-1], [bare(number) for number in range(50)])
    build_by_user(contract, DAYS[-1], lake)
    user = frame_of(lake, ENTITY).iloc[0]
    (path,) = Path(Lake.open(lake).by_user_folder(TABLE, DAYS[-1])).iterdir()
    data = path.read_bytes()
    path.write_bytes(data[:-20])
    with pytest.raises(PartError, match=r"cannot be read as a file sorted by user.*make it again"):
        open_lake(lake).table(TABLE).history()
    path.unlink()
    with pytest.raises(PartError, match="cannot be read"):
        open_lake(lake).table(TABLE).history()
    assert build_by_user(contract, DAYS[-1], lake)[1], "a file that is gone is made again"
    assert open_lake(lake).table(TABLE).history().last(user.iloc[0], user.iloc[1].to_pydatetime()).num_rows == 50


def test_a_check_of_the_lake_sees_its_files_and_a_dropped_day_is_gone(small: Any, contract: Contract) -> None:
    uri = small(DAYS[-1], [bare(number) for number in range(50)])
    build_by_user(contract, DAYS[-1], uri)
    lake = Lake.open(uri)
    (path,) = Path(lake.by_user_folder(TABLE, DAYS[-1])).iterdir()
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert list(check_lake(lake, [TABLE])) == []
    (found,) = check_lake(lake, [TABLE], hash_files=True)
    assert "is not what its manifest tells of" in found.text
    drop_day(lake, TABLE, DAYS[-1])
    assert read_by_user(lake, TABLE, DAYS[-1]) is None
    assert not path.exists()


def test_a_contract_without_users_and_a_lake_without_sorted_days_say_what_to_do(small: Any, contract: Contract) -> None:
    lake = small(DAYS[-1], [bare(1)])
    with pytest.raises(UsageError, match="run `logpress history build sdk_log`, or its DAG sdk_log_history"):
        open_lake(lake).table(TABLE).history()
    nobody = contract.model_copy(update={"entity": (), "by_user": None})
    with pytest.raises(ContractError, match="does not say who a user is; give `entity`"):
        build_by_user(nobody, DAYS[-1], lake)


# -- parts


@given(st.lists(st.integers(-1, 40), max_size=60))
def test_own_words_are_numbered_in_the_order_of_their_use(codes: list[int]) -> None:
    known = 30
    places = np.full(known, -1, dtype=np.int32)
    own, words = np.empty(len(codes), dtype=np.int32), np.empty(len(codes), dtype=np.int32)
    count = own_words(np.array(codes, dtype=np.int32), places, own, words)
    inside = [code for code in codes if 0 <= code < known]
    expected = list(dict.fromkeys(inside))
    assert words[:count].tolist() == expected
    assert own.tolist() == [expected.index(code) if 0 <= code < known else 0 for code in codes]
    assert (places == -1).all()


@given(st.lists(st.tuples(st.text(max_size=5), st.integers(-(2**63) + 1, 2**63 - 1)), min_size=1, max_size=30))
def test_users_have_one_bucket_and_one_order(users: list[tuple[str, int]]) -> None:
    texts, numbers = [user[0] for user in users], [user[1] for user in users]
    plain = [pa.array(texts, pa.string()), pa.array(numbers, pa.int64())]
    coded = [plain[0].dictionary_encode(), plain[1]]
    hashes = hashes_of_users(plain)
    assert (hashes == hashes_of_users(coded)).all()
    assert [bucket_of(user, 7) for user in users] == (hashes % np.uint64(7)).tolist()
    order = np.lexsort(order_keys(coded)[::-1])
    ordered = [users[place] for place in order]
    assert ordered == sorted(users, key=lambda user: (user[0].encode(), user[1]))


def test_instants_name_the_same_user_however_written() -> None:
    types, names = [pa.timestamp("us", "UTC")], ["created"]
    moment = datetime(2021, 11, 24, 15, 1, 24, 52_000, tzinfo=UTC)
    expected = (int(moment.timestamp()) * 1_000_000 + 52_000,)
    for way in (
        moment,
        "2021-11-24T15:01:24.052Z",
        "2021-11-25T00:01:24.052+09:00",
        expected[0],
        np.datetime64(moment.replace(tzinfo=None)),
    ):
        assert key_of([way], types, names) == expected
    assert key_of([datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)], types, names) == (-1,)
    assert key_of([date(1970, 1, 2)], types, names) == (86_400_000_000,)


# -- the server


@pytest.fixture
def client(lake: str) -> TestClient:
    return TestClient(server_of(lake, TOKEN))


def test_the_server_answers_whoever_has_the_token(client: TestClient, lake: str) -> None:
    every = frame_of(lake, ENTITY).dropna()
    game, created = every.iloc[0]
    address = f"/history/{TABLE}"
    question: dict[str, Any] = {
        "user": [game, created.isoformat().replace("+00:00", "Z")],
        "calls": 5,
        "columns": ["func_name", TIME],
    }
    assert client.get("/health").text == "ok\n"
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}):
        assert client.get(address, params=question, headers=headers).status_code == 401
        assert client.get("/metrics", headers=headers).status_code == 401
    told = {"Authorization": f"Bearer {TOKEN}"}
    answer = client.get(address, params=question, headers=told)
    expected = (
        open_lake(lake).table(TABLE).history().last(game, created.to_pydatetime(), calls=5, columns=["func_name", TIME])
    )
    calls = answer.json()["calls"]
    assert [call["func_name"] for call in calls] == expected.column("func_name").to_pylist()
    assert [datetime.fromisoformat(call[TIME]) for call in calls] == expected.column(TIME).to_pylist()
    stream = client.get(address, params=question, headers={**told, "Accept": ARROW})
    assert pa.ipc.open_stream(io.BytesIO(stream.content)).read_all() == expected
    assert client.get(address, params={"user": ["x", "2021-01-01"]}, headers=told).json() == {"calls": []}
    wrong = client.get(address, params={"user": ["x"]}, headers=told)
    assert wrong.status_code == 400
    assert "a user is named by client_app_id, user_created_at" in wrong.json()["detail"]
    assert client.get("/history/nix", params=question, headers=told).status_code == 400
    assert client.get("/history/..%2F..%2Fetc", params=question, headers=told).status_code in (400, 404)
    assert client.get(address, params={**question, "calls": 0}, headers=told).status_code == 422
    text = client.get("/metrics", headers=told).text
    assert 'logpress_requests_total{status="200"} 3' in text
    assert "logpress_request_seconds_count" in text
    paths = client.get("/openapi.json").json()["paths"]
    assert set(paths) == {"/health", "/metrics", "/history/{table}"}


def test_a_short_token_is_refused(lake: str) -> None:
    with pytest.raises(UsageError, match="fewer than 16 characters"):
        server_of(lake, "secret")


def test_the_server_sees_days_that_are_made_later(
    small: Any, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    from logpress.serving import server

    lake = small(DAYS[1], [bare(number, day=DAYS[1]) for number in range(10)])
    build_by_user(contract, DAYS[1], lake)
    game, created = frame_of(lake, ENTITY).iloc[0]
    client = TestClient(server_of(lake, TOKEN))
    question: dict[str, Any] = {"user": [game, created.isoformat()]}
    told = {"Authorization": f"Bearer {TOKEN}"}
    assert len(client.get(f"/history/{TABLE}", params=question, headers=told).json()["calls"]) == 10
    small(DAYS[2], [bare(number, day=DAYS[2]) for number in range(10)])
    build_by_user(contract, DAYS[2], lake)
    assert len(client.get(f"/history/{TABLE}", params=question, headers=told).json()["calls"]) == 10
    monkeypatch.setattr(server, "REFRESH_SECONDS", timedelta(0).total_seconds())
    assert len(client.get(f"/history/{TABLE}", params=question, headers=told).json()["calls"]) == 20
