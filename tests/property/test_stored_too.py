"""Virtual columns that are stored, too, in contracts of any shape: what files have is what readers derive."""

from __future__ import annotations

import random

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import press
from tests.integration.lakes import plain
from tests.property.test_round_trip import small_row_groups
from tests.property.test_views import EXAMPLES, any_contract, any_record, scanned

from logpress import reference
from logpress.contract import Contract
from logpress.contract.columns import is_predicted


def stored_too(contract: Contract, is_so: bool) -> Contract:
    """The contract with all of its virtual columns stored, too, or with none."""
    data = contract.model_dump(mode="json", exclude_unset=True)
    for column, of in zip(data["columns"], contract.columns, strict=True):
        if is_predicted(of):
            column["storage"] = "stored" if is_so else {}
    return Contract.model_validate(data)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(rng=st.randoms(use_true_random=False))
def test_stored_virtual_columns_are_what_a_scan_derives(
    tmp_path_factory: pytest.TempPathFactory, rng: random.Random
) -> None:
    folder = tmp_path_factory.mktemp("stored")
    contract = any_contract(rng)
    keys = [f"k{place}" for place in range(rng.randrange(1, 5))] + ['"\\/']
    records = [any_record(rng, contract, keys) for _ in range(rng.choice([1, 30, 150]))]
    rows = rng.choice([7, 40, 1000])
    both = []
    for is_so in (False, True):
        with pytest.MonkeyPatch.context() as patch:
            small = small_row_groups(stored_too(contract, is_so), patch, rows)
            both.append(press(small, records, folder, threads=1))
    without, having = both
    names = [column.name for column in contract.columns]
    derived = plain(scanned(without, names))
    assert plain(scanned(having, names)).equals(derived)
    part = str(having.part)
    assert plain(pq.read_table(part, columns=names, partitioning=None)).select(names).equals(derived)
    listed = ", ".join(f'"{name}"' for name in names)
    found = plain(
        duckdb.sql(f"SELECT {listed} FROM read_parquet('{part}', hive_partitioning = false)").to_arrow_table()
    )
    assert found.to_pylist() == derived.to_pylist()
    # restoring needs none of them, and gives the same records in the same order
    assert having.restored == without.restored
    assert list(reference.records(part)) == list(reference.records(str(without.part)))
