"""Codecs: pairs of functions that turn a slot's text into typed values and back. One module a codec.

A codec is here, below the engine, and not in `engine/part`, because registers, operations and lenient reading need it
before there is a part. It knows no files and no row groups. It gets their data as plain arrays, and through the
protocols `RowsToStore` and `StoredRows` of `base`, which `engine/part/encode.py` and `engine/part/decode.py` implement.
`registry` lists the codecs; docs/codecs.md says how one is added. Kernels that dispatch on operation codes are in the
engine, because one kernel for a batch of rows is fastest.
"""
