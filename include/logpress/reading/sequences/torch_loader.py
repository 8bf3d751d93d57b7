"""Batches of sequences as PyTorch tensors."""

from __future__ import annotations

from logpress.reading.batches.torch_loader import TorchBatches
from logpress.reading.sequences.loader import SequenceLoader


class TorchSequences(TorchBatches, SequenceLoader):
    """Batches of sequences as dicts of tensors. Make one with `Sequences.to_torch`."""

    def __getstate__(self) -> dict[str, object]:
        """Without what was read, which another process reads again."""
        return SequenceLoader.__getstate__(self)
