"""One slice of raw records to one proven-to-be part file, in bounded memory, on all cores.

`conversion` has raw blocks converted by threads and gives them back in input order; `reading` settles them and sorts
out rejects; `row_groups` gathers the rows, and has each full row group encoded and written by a further thread while
the next one fills; `files` are what comes of it.
"""

from logpress.engine.press.slice_press import press_slice

__all__ = ["press_slice"]
