"""Contracts: what a wrong one is told, word for word, and what a right one says of itself."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from logpress.contract import Contract, contract_names, load_contract, parse_day
from logpress.contract.columns import Instant, is_virtual
from logpress.contract.model import RECORDS_OWN
from logpress.engine.part.metadata import stored_contract
from logpress.engine.registers.stored_columns import stored_columns
from logpress.errors import ContractError

GOOD = """\
table: orders
day: placed_at
columns:
  - name: order_id
    path: id
    codec: text
  - name: placed_at
    path: [order.placed, placed]
    codec: instant
  - name: shipped_at
    path: order.shipped
    codec: instant
    residual_of: [placed_at]
  - name: amount
    path: order.amount
    codec: decimal
copies:
  - {path: epoch, of: placed_at, form: epoch_s}
literals: [version]
order_by: [order_id]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "orders.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_contract(tmp_path: Path) -> None:
    contract = load_contract(write(tmp_path, GOOD))
    assert contract.table == "orders"
    placed = contract.by_name["placed_at"]
    assert isinstance(placed, Instant)
    assert placed.path == ("order.placed", "placed")
    assert placed.unit == "ms"
    assert contract.by_name["order_id"].path == ("id",)
    shipped = contract.by_name["shipped_at"]
    assert shipped.dependencies == ("placed_at",)
    assert [name for name, column in contract.by_name.items() if is_virtual(column)] == ["shipped_at"]


def test_personal_columns_are_not_told_of_in_part_files(tmp_path: Path) -> None:
    contract = load_contract(write(tmp_path, GOOD + "personal: [order_id]\n"))
    assert contract.personal == ("order_id",)
    assert stored_contract(contract) == stored_contract(load_contract(write(tmp_path, GOOD)))


def test_entity_and_time_are_for_readers_alone(tmp_path: Path) -> None:
    contract = load_contract(write(tmp_path, GOOD + "entity: [order_id]\ntime: placed_at\n"))
    plain = load_contract(write(tmp_path, GOOD))
    assert (contract.entity, contract.time) == (("order_id",), "placed_at")
    assert (plain.entity, plain.time) == ((), None)
    assert stored_contract(contract) == stored_contract(plain)
    assert contract.sha256 == plain.sha256  # a day need not be pressed again for them


CODECS = "boolean, category, decimal, instant, integer, json, kinesis_sequence, lookup, text, uuid"
COLUMNS = "order_id, placed_at, shipped_at, amount"
RESIDUAL = "residual_of: [placed_at]"
ORDER = "order_by: [order_id]"
AMOUNT = "path: order.amount"
TAKES = "must name one instant column, and else integer columns in ms"


@pytest.mark.parametrize(
    ("old", "new", "line", "sentence"),
    [
        ("    codec: text", "    codec: txt", 4, f"columns[0]: `codec` is not one of {CODECS}"),
        ("    codec: text\n", "", 4, f"columns[0]: `codec` is missing; add one of {CODECS}"),
        ("    path: id", "    paht: id", 4, "columns[0].path: is missing; add it"),
        ("order_by:", "ordr_by:", 20, "ordr_by: is not a key of a contract; did you mean 'order_by'?"),
        ("order_by:", "zzz:", 20, "zzz: is not a key of a contract; remove it, or correct its spelling"),
        (
            RESIDUAL,
            "residual: [placed_at]",
            13,
            "columns[2].residual: is not a key of a contract; did you mean 'residual_of'?",
        ),
        ("day: placed_at\n", "", 1, "day: is missing; add it"),
        (ORDER, "personal: [who]", 1, f"`personal` names 'who', which is not a column; columns are {COLUMNS}"),
        (ORDER, "entity: [who]", 1, f"`entity` names 'who', which is not a column; columns are {COLUMNS}"),
        (ORDER, "entity: [order_id, order_id]", 1, "`entity` names 'order_id' twice; remove one"),
        (ORDER, "time: when", 1, f"`time` names 'when', which is not a column; columns are {COLUMNS}"),
        (ORDER, "time: amount", 1, "`time` names 'amount', whose codec is decimal; it must be instant"),
        ("day: placed_at", "day: placed", 1, f"`day` names 'placed', which is not a column; columns are {COLUMNS}"),
        ("day: placed_at", "day: amount", 1, "`day` names 'amount', whose codec is decimal; it must be instant"),
        (
            ORDER,
            "order_by: [shipped_at]",
            1,
            "`order_by` names 'shipped_at', which is virtual; name stored columns only",
        ),
        ("- name: amount", "- name: order_id", 1, "two columns are named 'order_id'; rename one"),
        (AMOUNT, "path: id", 1, "path 'id' is named twice; a value can fill only one column, copy or literal"),
        (AMOUNT, "path: order..amount", 1, "path 'order..amount' is not valid; write it as a.b[0].c"),
        (RESIDUAL, "residual_of: [shipped_at]", 1, "columns predict each other in a circle: shipped_at -> shipped_at"),
        (RESIDUAL, "residual_of: [order_id]", 1, f"`residual_of` of 'shipped_at' {TAKES}"),
        (RESIDUAL, "residual_of: [nothing]", 1, "column 'shipped_at' names 'nothing', which is not a column"),
        (
            "of: placed_at, f",
            "of: amount, f",
            1,
            "the copy at epoch names 'amount', whose codec is decimal; it must be instant",
        ),
        (
            RESIDUAL,
            "label_checked_by: nought",
            1,
            "`label_checked_by` of 'shipped_at' must name an instant column; 'nought' is none",
        ),
        (
            RESIDUAL,
            "label_checked_by: amount",
            1,
            "`label_checked_by` of 'shipped_at' must name an instant column; 'amount' is none",
        ),
        (
            RESIDUAL,
            "label_checked_by: shipped_at",
            1,
            "`label_checked_by` of 'shipped_at' names 'shipped_at', whose own label is checked by another column; "
            "name an instant whose label is always true",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line_and_its_mend(
    tmp_path: Path, old: str, new: str, line: int, sentence: str
) -> None:
    assert GOOD.count(old) == 1
    path = write(tmp_path, GOOD.replace(old, new))
    with pytest.raises(ContractError) as caught:
        load_contract(path)
    assert str(caught.value).splitlines()[0] == f"{path}:{line}: {sentence}"


def test_every_mistake_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("table: orders", "table: Orders").replace("order_by", "ordre_by"))
    with pytest.raises(ContractError) as caught:
        load_contract(path)
    assert str(caught.value).splitlines() == [
        f"{path}:1: table: String should match pattern '^[a-z][a-z0-9_]*$'",
        f"{path}:20: ordre_by: is not a key of a contract; did you mean 'order_by'?",
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("table: [a\nday: b", ":2: is not YAML: expected ',' or ']', but got ':'"),
        ("- a\n", ":1: a contract must be a mapping with the keys table, day and columns"),
        ("", ":1: a contract must be a mapping with the keys table, day and columns"),
        ("\ttable: a", ":1: is not YAML: found character '\\t' that cannot start any token"),
    ],
)
def test_what_is_no_contract_at_all(tmp_path: Path, text: str, sentence: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ContractError) as caught:
        load_contract(path)
    assert str(caught.value) == f"{path}{sentence}"


def test_a_contract_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="this contract file does not exist"):
        load_contract(tmp_path / "none.yaml")
    with pytest.raises(ContractError) as caught:
        load_contract("sdk_lok")
    assert str(caught.value).startswith("no contract is named 'sdk_lok'; give one of ")
    assert "sdk_log" in str(caught.value)


def test_a_contract_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "orders.yaml"
    path.write_bytes(b"table: \xff")
    with pytest.raises(ContractError, match="cannot be read as a contract"):
        load_contract(path)


def test_own_contracts_come_before_logpresss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sdk_log.yaml").write_text(GOOD)
    write(tmp_path, GOOD)
    assert load_contract("sdk_log").table == "sdk_log"
    monkeypatch.setenv("LOGPRESS_CONTRACTS", str(tmp_path))
    assert load_contract("sdk_log").table == "orders"
    assert contract_names() == ["orders", "sdk_log"]


def test_a_contract_survives_json(contract: Contract) -> None:
    assert Contract.model_validate(contract.model_dump(mode="json", exclude_defaults=True)) == contract


@pytest.mark.parametrize(
    ("check", "sentence"),
    [
        ("{kind: not_null}", "a check of kind not_null needs `column`"),
        ("{kind: min_rows}", "a check of kind min_rows needs `min`"),
        ("{kind: max_reject_share}", "a check of kind max_reject_share needs `max`"),
        ("{kind: range, column: amount}", "a check of kind range needs `min` or `max`"),
        ("{kind: values, column: order_id}", "a check of kind values needs `values`"),
        ("{kind: unique}", "a check of kind unique needs either `column` or `columns`"),
        (
            "{kind: unique, column: amount, columns: [order_id]}",
            "a check of kind unique needs either `column` or `columns`",
        ),
        ("{kind: unique, columns: [a, b, c, d]}", "a check of kind unique takes at most 3 columns, not 4"),
        ("{kind: unique, columns: [amount, amount]}", "a check of kind unique names 'amount' twice"),
        ("{kind: not_null, columns: [amount]}", "a check of kind not_null needs `column`"),
        (
            "{kind: not_null, column: amount, columns: [amount]}",
            "a check of kind not_null takes no `columns`; name one `column`",
        ),
    ],
)
def test_incomplete_checks(tmp_path: Path, check: str, sentence: str) -> None:
    path = write(tmp_path, f"{GOOD}checks:\n  - {check}\n")
    with pytest.raises(ContractError) as caught:
        load_contract(path)
    assert str(caught.value) == f"{path}:22: checks[0]: {sentence}"


@pytest.mark.parametrize("columns", ["column: amont", "columns: [order_id, amont]"])
def test_a_check_of_a_column_that_is_none(tmp_path: Path, columns: str) -> None:
    path = write(tmp_path, f"{GOOD}checks:\n  - {{kind: unique, {columns}}}\n")
    with pytest.raises(ContractError, match="a check of kind unique names 'amont', which is not a column"):
        load_contract(path)


@pytest.mark.parametrize("text", ["2021-12-26", "0001-01-01", "2024-02-29"])
def test_days(text: str) -> None:
    assert parse_day(text) == date.fromisoformat(text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("2021-2-6", "'2021-2-6' is not a day; write it as YYYY-MM-DD, such as 2021-12-26"),
        ("20211226", "'20211226' is not a day; write it as YYYY-MM-DD, such as 2021-12-26"),
        ("2021-12-26\n", "'2021-12-26\\n' is not a day; write it as YYYY-MM-DD, such as 2021-12-26"),
        ("２０２１-12-26", "'２０２１-12-26' is not a day; write it as YYYY-MM-DD, such as 2021-12-26"),
        ("2021-02-29", "'2021-02-29' is not a day: day is out of range for month"),
        ("", "'' is not a day; write it as YYYY-MM-DD, such as 2021-12-26"),
    ],
)
def test_what_is_no_day(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match="is not a day") as caught:
        parse_day(text)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"path_time_zone": "Seoul"}, "is not a time zone"),
        ({"storage_options": {"secret": "x"}}, "has 'secret'; put secrets into the environment"),
        ({"storage_options": {"key": "x"}}, "secrets"),
        ({"storage_options": {"client_kwargs": {"aws_session_token": "x"}}}, "'aws_session_token'"),
        ({"storage_options": {"s3_additional_kwargs": {"SSECustomerKey": "x"}}}, "'SSECustomerKey'"),
        ({"duplicates": "drop"}, "'reject' or 'keep'"),
        ({"use": "first", "missing_index": "empty"}, "skips an index that is missing"),
        ({"wait": "-PT1S"}, "greater than or equal to 0"),
        ({"slices_at_a_time": 0}, "greater than or equal to 1"),
    ],
)
def test_a_source_that_makes_no_sense_is_refused(source, message):
    from logpress.contract.source import Source

    with pytest.raises(ValueError, match=message):
        Source(**source)


def test_a_password_in_an_input_is_told_by_file_and_line_and_not_repeated(tmp_path):
    path = tmp_path / "orders.yaml"
    path.write_text(GOOD.replace("day:", 'source:\n  inputs: ["s3://AKIA:wJalr/K7@bucket/x"]\nday:', 1))
    with pytest.raises(ContractError, match=r"orders.yaml:2: source: `inputs`: s3://...@...: a user or pass") as error:
        load_contract(path)
    assert "wJalr" not in str(error.value)
    assert "AKIA" not in str(error.value).replace("AWS_ACCESS_KEY_ID", "")


def test_options_without_secrets_are_taken():
    from logpress.contract.source import Source

    options = {"requester_pays": True, "anon": False, "s3_additional_kwargs": {"SSEKMSKeyId": "alias/logs"}}
    assert Source(storage_options=options).storage_options == options


# ------------------------------------------------------------------------------------------------- names in the files


@pytest.mark.parametrize("name", ["day", "_layout", "_extra", "_raw", "dt"])
def test_names_that_files_or_folders_have_themselves_are_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, GOOD.replace("name: amount", f"name: {name}"))
    with pytest.raises(ContractError, match="keep its `path`") as caught:
        load_contract(path)
    assert f"a column cannot be named {name!r}" in str(caught.value)
    assert str(caught.value).startswith(f"{path}:")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("order_id", "_amount_scale", "_amount_scale"),
        ("order_id", "_shipped_at_residual", "_shipped_at_residual"),
        (
            "name: order_id\n    path: id\n    codec: text",
            "name: _amount\n    path: id\n    codec: decimal",
            "_amount_scale",
        ),
    ],
)
def test_names_of_what_is_stored_for_another_column_are_refused(tmp_path: Path, old: str, new: str, name: str) -> None:
    text = GOOD.replace("order_by: [order_id]\n", "").replace(old, new)
    with pytest.raises(ContractError, match=f"would both be stored in a column '{name}'; rename one"):
        load_contract(write(tmp_path, text))


def test_names_differ_in_more_than_their_case(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="should match pattern"):
        load_contract(write(tmp_path, GOOD.replace("name: amount", "name: Order_id")))


def test_a_part_that_has_such_a_column_can_still_be_read() -> None:
    column = {"name": "dt", "path": "dt", "codec": "instant"}
    assert Contract.model_validate({"table": "t", "day": "dt", "columns": [column]}).day == "dt"


def test_the_names_that_are_checked_are_those_of_the_files(contract: Contract) -> None:
    helpers = [name for column in contract.columns for name in column.helpers]
    plain = [column.name for column in contract.columns if not is_virtual(column)]
    stored = [column.name for column in stored_columns(contract)]
    assert sorted([*helpers, *plain, *RECORDS_OWN]) == sorted(stored)
