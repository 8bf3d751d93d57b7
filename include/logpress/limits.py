"""What bounds memory: each number once, with its unit and what depends on it.

Tags say what a change of a field may break:

| tag | a change gives |
| --- | --- |
| `[format]` | files that another logpress cannot read; no field has it, as readers take files of any limits |
| `[bytes]` | other files from the same input; each has the same records |
| `[memory]` | the same files, in more memory or less |
| `[speed]` | the same files, sooner or later |
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of pressing and restoring, and what their memory is estimated from."""

    # -- reading and converting

    form_bytes: int = 64 << 10
    """[bytes] Bytes of a raw object that tell how records stand in it, if the first record ends within them."""

    longest_form_bytes: int = 1 << 20
    """[bytes] Bytes that tell it in any case: a record that is longer is taken for a document, not a line."""

    block_bytes: int = 4 << 20
    """[bytes] Raw bytes of a block; a longer record makes its block longer. Pieces of a record that is too long have as
    many."""

    longest_record_bytes: int = 32 << 20
    """[bytes] Bytes of a record. A longer one is taken in pieces, each of which is a reject. No service that logs go
    through takes one as long: Kinesis ends at 10 MiB."""

    kept_buffer_bytes: int = 16 << 20
    """[memory] Bytes of a block's buffer that is used again; longer ones are rare, and go back to the system."""

    converted_rows: int = 1 << 14
    """[bytes] Rows converted at a time: a block of more records, which are very short, is cut."""

    converted_ahead: int = 4
    """[memory] Blocks of `converted_rows` that a thread makes of a raw block before their turn: enough for records of
    64 bytes."""

    pending_reject_bytes: int = 32 << 20
    """[bytes] Bytes of rejects in memory, objects counted, before they are written as a row group of their file."""

    duplicate_places: int = 1 << 23
    """[bytes] Places of 12 bytes in the table of hashes that tells duplicates; 3/4 are used. Behind so many rows a
    further run begins, and duplicates across runs are counted, not taken out."""

    # -- layouts

    layouts: int = 1_000
    """[bytes] Layouts of a part; records that would need more are kept whole."""

    layout_bytes: int = 4 << 20
    """[bytes] Bytes of the literals and paths of all layouts of a part; records that would need more are kept whole."""

    layout_slots: int = 512
    """[bytes] Values of a record; one with more is kept whole."""

    mined_record_bytes: int = 1 << 18
    """[bytes] Bytes of a record that a layout is looked for in. Longer ones are kept whole, unless a known layout fits:
    a new one would hardly ever fit a second record."""

    # -- row groups

    row_group_text_bytes: int = 128 << 20
    """[bytes] Bytes of the texts of a row group, beyond which it is closed early. Those of columns without a dictionary
    count row by row."""

    row_group_metadata_bytes: int = 6 << 20
    """[bytes] Bytes of what a row group says besides its columns: lookups, odd spellings, counters. Without room a
    lookup is stored, rows are kept whole, and counters stay as they are."""

    # -- reading parts and restoring

    decoded_rows: int = 1 << 15
    """[speed] Rows whose registers are decoded at a time: they stay in cache."""

    render_buffer_bytes: int = 2 << 20
    """[speed] Bytes of a buffer that records are rendered to; a longest record makes it longer."""

    dealt_bucket_rows: int = 2_048
    """[speed] Rows for each bucket that are dealt out to buckets at a time, because each bucket takes a while."""

    dealt_rows: int = 1 << 18
    """[memory] Rows of a row group that are dealt out at a time, whatever the number of buckets."""

    bucket_bytes: int = 96 << 20
    """[memory] Bytes of a bucket of rows that are sorted together; up to 5 times as many are in memory when its turn
    comes, because the next one is fetched and each may hold half more."""

    smallest_bucket_bytes: int = 4 << 20
    """[memory] Bytes of a bucket where little memory is given; smaller ones would be many files."""

    kept_bytes: int = 256 << 20
    """[memory] Bytes of dealt-out rows that stay in memory; more go to disk."""

    rendered_rows: int = 2_048
    """[speed] Sorted rows rendered at a time: about 2 MB of usual records."""

    rendered_text_bytes: int = 8 << 20
    """[memory] Bytes of the texts of the sorted rows rendered at a time, where these are long."""

    lost_words: int = 1 << 22
    """[memory] Hashes of 8 bytes in memory at a time when rows are looked for that do not come back."""

    counted_hash_bytes: int = 8 << 20
    """[memory] Bytes of hashes in memory at a time when duplicates across slices are counted."""

    unique_hashes: int = 1 << 21
    """[memory] Hashes of 16 bytes in memory when a check of kind `unique` counts repeats: 34 MB, and 3 times as much
    while they are sorted; more go to disk."""

    merged_hashes: int = 1 << 20
    """[memory] Hashes of 16 bytes that are read back from disk at a time, while such hashes are merged."""

    # -- comparing

    counted_documents: int = 1 << 21
    """[memory] Different documents of a side in memory: 84 MB, and as much again while they are sorted; more go to
    disk."""

    matched_documents: int = 1 << 21
    """[memory] Different documents of both sides that are matched, or looked for, at a time: about 250 MB."""

    # -- estimates

    imported_bytes: int = 200 << 20
    """[memory] Estimate: bytes of Python, what it imports, and kernels. Forked processes share them."""

    companion_bytes: int = 400 << 20
    """[memory] Estimate: bytes of the process that reads files with another reader, and publishes."""

    converting_bytes: int = 110 << 20
    """[memory] Estimate: bytes, a thread, of blocks on their way, layouts, rejects, and pages being written."""

    pressed_text_copies: int = 3
    """[memory] Estimate: how often a pressed row group's texts are in memory: as they came, in columns, as pages."""

    record_copies: int = 3
    """[memory] Estimate: how often a record of `longest_record_bytes` is in memory."""

    row_groups_of_threads: int = 3
    """[memory] Row groups in memory where threads press: one fills while two are written; each thread may prove one."""

    restoring_bytes: int = 20 << 20
    """[memory] Estimate: bytes of records on their way while restoring."""

    dealt_row_bytes: int = 300
    """[memory] Estimate: bytes, a row, of a row group that is read and dealt out."""

    dealt_text_copies: int = 4
    """[memory] Estimate: how often the texts of such a row group are in memory: Arrow's, and those of buckets."""

    sorted_row_bytes: int = 192
    """[memory] Estimate: bytes, a row, without its texts, of a bucket."""


DEFAULT = Limits()
"""What every command works with; tests take smaller ones."""
