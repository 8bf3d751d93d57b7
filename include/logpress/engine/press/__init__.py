"""One slice of raw records to one part file, in bounded memory, on all cores.

- `conversion`: threads convert raw blocks; results come in input order.
- `reading`: settles blocks, and collects rejects.
- `row_groups`: gathers rows; a further thread encodes and writes a full row group while the next one fills.
- `files`: the resulting files.
"""

from logpress.engine.press.slice_press import press_slice

__all__ = ["press_slice"]
