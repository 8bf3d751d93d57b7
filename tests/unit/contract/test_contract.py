"""Contracts: what a wrong one is told, word for word, and what a right one says of itself."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from logpress.codecs import registry
from logpress.contract import Contract, contract_names, load_contract, parse_day
from logpress.contract.checks import KINDS as ALL_KINDS
from logpress.contract.checks import Compare
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


FIRST_CODECS = (
    "boolean", "category", "decimal", "instant", "integer", "json", "kinesis_sequence", "lookup", "text", "uuid",
)  # fmt: skip
"""They stay, because there are files that have them."""

CODECS = ", ".join(sorted({*FIRST_CODECS, *registry.CODECS}))
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


KINDS = ", ".join(sorted(ALL_KINDS))
OTHER = "; name another column, or another measure"
NO_COLUMN = "'amont', which is not a column; columns are order_id, placed_at, shipped_at, amount, _id"
ID = "  - {name: _id, path: _id, codec: kinesis_sequence, arrival: placed_at}\ncopies:"


@pytest.mark.parametrize(
    ("check", "sentence"),
    [
        ("{}", f"checks[0]: `kind` is missing; add one of {KINDS}"),
        ("{kind: nott_null, column: amount}", f"checks[0]: `kind` is not one of {KINDS}"),
        ("{kind: [not_null]}", f"checks[0]: `kind` is not one of {KINDS}"),
        ("not_null", "checks[0]: must have keys and values, as {key: value} has"),
        ("{kind: not_null}", "checks[0].column: is missing; add it"),
        ("{kind: min_rows}", "checks[0].min: is missing; add it"),
        ("{kind: max_reject_share}", "checks[0].max: is missing; add it"),
        ("{kind: lateness, column: placed_at, since: shipped_at}", "checks[0].max: is missing; add it"),
        ("{kind: drift}", "checks[0].of: is missing; add it"),
        ("{kind: values, column: order_id}", "checks[0].values: is missing; add it"),
        ("{kind: where}", "checks[0].conditions: is missing; add it"),
        ("{kind: where, conditions: []}", "checks[0].conditions: needs 1 or more, not 0; add some"),
        ("{kind: range, column: amount}", "checks[0]: a check of kind range needs `min` or `max`"),
        (
            "{kind: range, column: amount, min: 5, max: 1}",
            "checks[0]: a check of kind range has a `min` above its `max`",
        ),
        (
            "{kind: range, column: amount, min: .nan}",
            "checks[0].min: must be a finite number; leave it out if any is allowed",
        ),
        (
            "{kind: range, column: placed_at, min: 2021-12-26T00:00:00Z}",
            "checks[0].min: must be a number; an instant is given in seconds since 1970, UTC",
        ),
        ("{kind: max_rows, max: .inf}", "checks[0].max: must be a finite number; leave it out if any is allowed"),
        ("{kind: min_rows, min: .nan}", "checks[0].min: must be a finite number; leave it out if any is allowed"),
        ("{kind: max_irregular_share, max: 2}", "checks[0].max: Input should be less than or equal to 1"),
        ("{kind: hours, min: 25}", "checks[0].min: Input should be less than or equal to 24"),
        ("{kind: values, column: order_id, values: [200]}", "checks[0].values[0]: must be a text; write it in quotes"),
        ("{kind: values, column: order_id, values: []}", "checks[0].values: needs 1 or more, not 0; add some"),
        (
            "{kind: not_null, column: amount, columns: [amount]}",
            "checks[0].columns: is not a key of a check of kind not_null; did you mean 'column'?",
        ),
        (
            "{kind: where, conditions: amount > 5, wher: amount < 9}",
            "checks[0].wher: is not a key of a check of kind where; did you mean 'where'?",
        ),
        (
            "{kind: filled, column: amount, max_share: 0.5, level: warn}",
            "checks[0].max_share: is not a key of a check of kind filled; did you mean 'min_share'?",
        ),
        (
            "{kind: filled, column: amount, where: amount > 5}",
            "checks[0].where: is not a key of a check of kind filled; its keys are column, level, min_share",
        ),
        ("{kind: not_null, column: amount, level: error}", "checks[0].level: Input should be 'fail' or 'warn'"),
        ("{kind: unique}", "checks[0]: a check of kind unique needs either `column` or `columns`"),
        (
            "{kind: unique, column: amount, columns: [order_id]}",
            "checks[0]: a check of kind unique needs either `column` or `columns`",
        ),
        (
            "{kind: unique, columns: [a, b, c, d]}",
            "checks[0]: a check of kind unique takes at most 3 columns, not 4",
        ),
        (
            "{kind: unique, columns: [amount, amount]}",
            "checks[0]: a check of kind unique names 'amount' twice",
        ),
        ("{kind: compare, columns: [amount], operator: =}", "checks[0].columns[1]: is missing; add it"),
        (
            "{kind: compare, columns: [amount, order_id, _id], operator: =}",
            "checks[0].columns: takes 2 at most, not 3; remove some",
        ),
        (
            "{kind: compare, columns: [amount, amount], operator: ==}",
            "checks[0].operator: Input should be '=', '!=', '<', '<=', '>' or '>='",
        ),
        ("{kind: order, columns: [placed_at]}", "checks[0].columns: needs 2 or more, not 1; add some"),
        (
            "{kind: lateness, column: placed_at, since: shipped_at, max: 1 hour}",
            "checks[0].max: must be a duration, such as PT1H, PT30S or P1D",
        ),
        (
            "{kind: order, columns: [placed_at, shipped_at], tolerance: -PT1S}",
            "checks[0].tolerance: Input should be greater than or equal to 0 seconds",
        ),
        (
            "{kind: drift, of: rows, column: amount}",
            "checks[0]: a check of kind drift has no `column` for rows, which is of the whole day",
        ),
        # columns that are none
        ("{kind: unique, column: amont}", f"checks[0]: a check of kind unique names {NO_COLUMN}"),
        ("{kind: unique, columns: [order_id, amont]}", f"checks[0]: a check of kind unique names {NO_COLUMN}"),
        ("{kind: drift, of: nulls, column: amont}", f"checks[0]: a check of kind drift names {NO_COLUMN}"),
        (
            "{kind: lateness, column: placed_at, since: amont, max: PT1H}",
            f"checks[0]: a check of kind lateness names {NO_COLUMN}",
        ),
        # columns of another codec
        (
            "{kind: range, column: order_id, min: 1}",
            "a check of kind range does not apply to 'order_id', whose codec is text; it applies to integer, decimal, "
            "instant; change or remove it",
        ),
        (
            "{kind: pattern, column: amount, pattern: a}",
            "a check of kind pattern does not apply to 'amount', whose codec is decimal; it applies to category, text, "
            "json, lookup; change or remove it",
        ),
        (
            "{kind: order, columns: [placed_at, amount]}",
            "a check of kind order does not apply to 'amount', whose codec is decimal; it applies to instant; change "
            "or remove it",
        ),
        (
            "{kind: compare, columns: [amount, placed_at], operator: <}",
            "a check of kind compare cannot compare 'amount' with 'placed_at'; name two columns of numbers, of "
            "instants, of booleans or of texts",
        ),
        (
            "{kind: compare, columns: [_id, _id], operator: =}",
            "a check of kind compare cannot compare '_id' with '_id'; name two columns of numbers, of instants, of "
            "booleans or of texts",
        ),
        (
            "{kind: corrected_labels, column: placed_at, max_share: 0.1}",
            "a check of kind corrected_labels needs a column with `label_checked_by`; 'placed_at' has none",
        ),
        (
            "{kind: drift, of: corrected_labels, column: placed_at}",
            "a check of kind drift cannot compare corrected_labels of 'placed_at', which has no `label_checked_by`"
            f"{OTHER}",
        ),
        (
            "{kind: drift, of: nulls, column: _id}",
            "a check of kind drift cannot compare nulls of '_id', which has the codec kinesis_sequence, whose values "
            f"are not compared{OTHER}",
        ),
        (
            "{kind: drift, of: new_values, column: placed_at}",
            "a check of kind drift cannot compare new_values of 'placed_at', which is an instant, whose values hardly "
            f"ever repeat{OTHER}",
        ),
        (
            "{kind: drift, of: distribution, column: order_id}",
            "a check of kind drift cannot compare distribution of 'order_id', which is personal, so no values of it "
            f"are kept{OTHER}",
        ),
    ],
)  # fmt: skip
def test_wrong_checks(tmp_path: Path, check: str, sentence: str) -> None:
    """Each is told with its line, below two checks that are right."""
    text = GOOD.replace("copies:", ID) + "personal: [order_id]\nchecks:\n"
    path = write(tmp_path, f"{text}  - {check}\n  - {{kind: min_rows, min: 1}}\n")
    with pytest.raises(ContractError) as caught:
        load_contract(path)
    assert str(caught.value) == f"{path}:24: {sentence}"


def test_each_wrong_check_is_told_by_its_own_line(tmp_path: Path) -> None:
    checks = "checks:\n  - {kind: min_rows, min: 1}\n  - kind: not_null\n    colum: amount\n  - {kind: unique}\n"
    path = write(tmp_path, GOOD + checks)
    with pytest.raises(ContractError) as caught:
        load_contract(path)
    assert str(caught.value).splitlines() == [
        f"{path}:23: checks[1].column: is missing; add it",
        f"{path}:24: checks[1].colum: is not a key of a check of kind not_null; did you mean 'column'?",
        f"{path}:25: checks[2]: a check of kind unique needs either `column` or `columns`",
    ]


@pytest.mark.parametrize("operator", ["=", "'='", '">="', "<", "<=", '"!="'])
def test_operators_as_people_write_them(tmp_path: Path, operator: str) -> None:
    check = f"{{kind: compare, columns: [placed_at, shipped_at], operator: {operator}}}"
    (found,) = load_contract(write(tmp_path, f"{GOOD}checks:\n  - {check}\n")).checks
    assert isinstance(found, Compare)
    assert found.operator == operator.strip("'\"")


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


def test_when_a_day_is_due_matters_neither_to_files_nor_to_what_is_current(tmp_path: Path) -> None:
    plain = load_contract(write(tmp_path, GOOD))
    due = load_contract(write(tmp_path, GOOD + "alerts: {due: PT3H}\n"))
    assert plain.alerts.due is None
    assert due.alerts.due == timedelta(hours=3)
    assert due.sha256 == plain.sha256
    assert stored_contract(due) == stored_contract(plain)
    assert "alerts" not in stored_contract(due)


@pytest.mark.parametrize(
    ("alerts", "said"),
    [
        ("{due: PT1H}", "`alerts.due` is 1:00:00, but pressing begins 1:00:00 after the end of a day"),
        ("{due: PT0S}", "alerts.due"),
        ("{due: soon}", "alerts.due"),
        ("{duo: PT3H}", "alerts.duo"),
    ],
)
def test_a_day_that_cannot_be_in_time_is_refused(tmp_path: Path, alerts: str, said: str) -> None:
    with pytest.raises(ContractError) as found:
        load_contract(write(tmp_path, GOOD + f"alerts: {alerts}\n"))
    assert said in str(found.value)


def test_a_key_that_stands_twice_is_told_with_both_lines(tmp_path):
    path = tmp_path / "t.yaml"
    path.write_text("table: t\nday: at\ncolumns:\n  - {name: at, name: b, path: at, codec: instant}\n")
    with pytest.raises(ContractError, match=r"t.yaml:4: the key 'name' stands twice, in line 4 too; remove one"):
        load_contract(path)
    path.write_text("table: t\nday: at\ncolumns: [{name: at, path: at, codec: instant}]\nday: b\n")
    with pytest.raises(ContractError, match=r"t.yaml:4: the key 'day' stands twice, in line 2 too"):
        load_contract(path)
