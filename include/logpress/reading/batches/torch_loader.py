"""Loaders that give PyTorch tensors, for its DataLoader or without one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import IterableDataset, get_worker_info

from logpress.reading.batches.loader import Loader, NumpyLoader
from logpress.reading.batches.source import Arrays

Tensors = dict[str, torch.Tensor]


class TorchBatches(Loader, IterableDataset):  # type: ignore[misc]  # types are checked without PyTorch
    """Batches as dicts of tensors; codes, which are int32 in NumPy, are int64, which losses and embeddings take.

    It is an `IterableDataset` whose items are batches: `DataLoader(loader, batch_size=None, num_workers=2)` gives the
    same batches in the same order.
    """

    def __init__(self, *args: Any) -> None:
        """Prepare; nothing is read yet."""
        super().__init__(*args)
        self._shared = torch.zeros(1, dtype=torch.int64).share_memory_()  # workers that stay see `set_epoch`, too

    @property
    def epoch(self) -> int:
        """The epoch whose batches come next."""
        return int(self._shared[0])

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; each has an order of its own. Workers of a DataLoader see it before they begin it."""
        super().set_epoch(epoch)
        self._shared[0] = int(epoch)

    def __iter__(self) -> Iterator[Tensors]:
        """The batches of the epoch; in a worker of a DataLoader, every batch that is its turn."""
        info = get_worker_info()
        batches = self._batches(0, 1) if info is None else self._batches(info.id, info.num_workers)
        codes = self._code_arrays
        return (tensors(batch, codes) for batch in batches)


class TorchLoader(TorchBatches, NumpyLoader):
    """Batches of a scan as dicts of tensors. Make one with `Scan.to_torch`."""


def tensors(arrays: Arrays, codes: frozenset[str]) -> Tensors:
    """Arrays as tensors that share their memory; those of these names as int64."""
    return {
        name: torch.from_numpy(values.astype(np.int64) if name in codes else values) for name, values in arrays.items()
    }
