"""Records of any contract come back: what a campaign runs, with the contracts that the reference is held against."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import press
from tests.property.test_reference import Maker, contracts
from tests.property.test_round_trip import small_row_groups

from logpress.contract import Contract


@given(contracts(), st.integers(0, 2**32), st.sampled_from([1, 3, 7, 40]))
def test_records_of_any_contract_come_back(tmp_path: Path, drawn: dict[str, Any], seed: int, rows: int) -> None:
    maker = Maker(drawn, seed)
    lines = [line for number in range(maker.chance.choice([1, 9, 40])) if b"\n" not in (line := maker.record(number))]
    with pytest.MonkeyPatch.context() as patched:
        contract = small_row_groups(Contract.model_validate(drawn), patched, rows)
        pressed = press(contract, lines, tmp_path, threads=0)
    if pressed.manifest.other_day == 0:
        assert pressed.restored == Counter(lines)
