"""Loaders with PyTorch: the same batches from any number of workers, and from what trains with them.

PyTorch is several GB, so it is not among the packages of `make setup`. `make long` installs it and what trains with it,
and sets LOGPRESS_REQUIRE_TORCH=1: a missing package then fails the tests that need it. Run by hand they are skipped,
which the summary says. The batches themselves are tested without PyTorch, in test_batches.py.
"""

from __future__ import annotations

import importlib.util
import json
import os
from typing import Any

import numpy as np
import pytest
from tests.unit.reading.test_reading import DAYS, Sample, build

from logpress.contract import Contract
from logpress.errors import UsageError
from logpress.reading import Scan

CODES = ["client_app_id", "func_name"]
COLUMNS = [*CODES, "response_elapsed_ms", "request_begin_at"]

pytestmark = pytest.mark.long


def need(name: str) -> Any:
    """A package, or a test that says that it was not run."""
    package = name.partition(".")[0]
    if importlib.util.find_spec(package) is not None:
        return importlib.import_module(name)
    said = f"{package} is not installed: `make train` installs it"
    if os.environ.get("LOGPRESS_REQUIRE_TORCH") == "1":
        pytest.fail(said)
    pytest.skip(said)


@pytest.fixture(scope="session")
def torch() -> Any:
    found = need("torch")
    found.set_num_threads(1)
    return found


@pytest.fixture(scope="session")
def calls(sdk_log: Contract, tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return build(sdk_log, tmp_path_factory.mktemp("torch"))


@pytest.fixture(scope="session")
def scan(calls: Sample) -> Scan:
    return calls.table.scan(*DAYS, columns=COLUMNS)


def make(scan: Scan, **options: Any) -> Any:
    return scan.to_torch(**{"batch_rows": 128, "codes": CODES, "seed": 4, "window_rows": 2500, **options})


def same(torch: Any, some: Any, others: Any) -> bool:
    return all(
        list(one) == list(other) and all(torch.equal(one[name], other[name]) for name in one)
        for one, other in zip(some, others, strict=True)
    )


def test_tensors_are_the_arrays_with_codes_as_int64(torch: Any, scan: Scan) -> None:
    arrays = list(scan.to_numpy_batches(batch_rows=128, codes=CODES, seed=4, window_rows=2500))
    tensors = list(make(scan))
    assert len(arrays) == len(tensors)
    for one, other in zip(arrays, tensors, strict=True):
        assert list(one) == list(other)
        assert all(np.array_equal(one[name], other[name].numpy()) for name in one)
    assert {name: str(tensor.dtype) for name, tensor in tensors[0].items()} == {
        "client_app_id": "torch.int64", "func_name": "torch.int64", "response_elapsed_ms": "torch.int32",
        "response_elapsed_ms_missing": "torch.bool", "request_begin_at": "torch.int64",
        "request_begin_at_missing": "torch.bool",
    }  # fmt: skip


@pytest.mark.parametrize("workers", [0, 1, 2, 3])
@pytest.mark.parametrize("threads", [1, 2])
def test_any_number_of_workers_gives_the_same_batches(torch: Any, calls: Sample, workers: int, threads: int) -> None:
    scan = calls.table.scan(*DAYS, columns=COLUMNS, threads=threads)
    loader = make(scan)
    data = torch.utils.data.DataLoader(loader, batch_size=None, num_workers=workers)
    assert len(data) == loader.steps == 46
    for epoch in (0, 1):
        loader.set_epoch(epoch)
        alone = make(calls.table.scan(*DAYS, columns=COLUMNS))
        alone.set_epoch(epoch)
        assert same(torch, data, alone)


def test_workers_that_stay_see_the_epoch(torch: Any, scan: Scan) -> None:
    loader = make(scan)
    data = torch.utils.data.DataLoader(loader, batch_size=None, num_workers=2, persistent_workers=True)
    for epoch in (0, 1):
        loader.set_epoch(epoch)
        alone = make(scan)
        alone.set_epoch(epoch)
        assert same(torch, data, alone)


def test_a_loaded_state_goes_on_with_workers(torch: Any, scan: Scan) -> None:
    loader = make(scan)
    whole = list(loader)
    batches = iter(loader)
    for _ in range(7):
        next(batches)
    state = json.loads(json.dumps(loader.state_dict()))
    for workers in (0, 1, 2, 3):
        resumed = make(scan)
        resumed.load_state_dict(state)
        data = torch.utils.data.DataLoader(resumed, batch_size=None, num_workers=workers)
        assert same(torch, data, whole[7:])


@pytest.mark.parametrize("workers", [0, 2])
def test_torchdata_resumes_exactly(torch: Any, scan: Scan, workers: int) -> None:
    stateful = need("torchdata.stateful_dataloader")
    whole = list(make(scan))
    data = stateful.StatefulDataLoader(make(scan), batch_size=None, num_workers=workers)
    batches = iter(data)
    for _ in range(9):
        next(batches)
    state = data.state_dict()
    again = stateful.StatefulDataLoader(make(scan), batch_size=None, num_workers=workers)
    again.load_state_dict(state)
    assert same(torch, again, whole[9:])


def test_a_state_of_a_worker_is_refused_elsewhere(torch: Any, scan: Scan) -> None:
    loader = make(scan)
    state = {**loader.state_dict(), "worker": [1, 2]}
    loader.load_state_dict(state)
    with pytest.raises(UsageError, match="the state is of worker 1 of 2, and this is worker 0 of 1"):
        next(iter(loader))


def test_lightning_trains_with_a_loader(torch: Any, scan: Scan, tmp_path: Any) -> None:
    lightning = need("lightning")
    seen: list[Any] = []

    class Model(lightning.LightningModule):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)

        def training_step(self, batch: Any, number: int) -> Any:
            seen.append(batch)
            return self.layer(batch["response_elapsed_ms"].float()[:, None]).square().mean()

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=1e-9)

    trainer = lightning.Trainer(
        max_epochs=1, accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
        enable_checkpointing=False, default_root_dir=tmp_path,
    )  # fmt: skip
    trainer.fit(Model(), train_dataloaders=make(scan))
    assert same(torch, seen, make(scan))


def test_hugging_face_takes_rows_from_a_generator(torch: Any, scan: Scan, tmp_path: Any) -> None:
    datasets = need("datasets")
    loader = scan.to_numpy_batches(batch_rows=500, codes=CODES, seed=4)

    def rows() -> Any:
        for batch in loader:
            for values in zip(*(batch[name].tolist() for name in CODES), strict=True):
                yield dict(zip(CODES, values, strict=True))

    streamed = datasets.IterableDataset.from_generator(rows)
    found = [row["func_name"] for row in streamed]
    assert found == np.concatenate([batch["func_name"] for batch in loader]).tolist()


def test_sequences_are_tensors_too(torch: Any, calls: Sample) -> None:
    sequences = calls.table.sequences(
        DAYS[0], columns=["func_name", "response_elapsed_ms"], codes=["func_name"]
    ).with_label("back")
    options: Any = {"users": 8, "length": 16, "negatives": ("func_name", 5), "seed": 3}
    whole = list(sequences.to_torch(**options))
    assert whole[0]["func_name"].shape == (8, 16)
    assert whole[0]["func_name_negatives"].shape == (8, 16, 5)
    assert whole[0]["func_name"].dtype == whole[0]["func_name_negatives"].dtype == torch.int64
    assert whole[0]["response_elapsed_ms"].dtype == torch.int32
    assert whole[0]["back"].dtype == torch.bool
    for workers in (0, 2):
        data = torch.utils.data.DataLoader(sequences.to_torch(**options), batch_size=None, num_workers=workers)
        assert same(torch, data, whole)
