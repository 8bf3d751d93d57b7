"""Codecs: what turns a slot's text into typed values and back, exactly or not at all. One module a codec.

The room of a codec is here, below the engine, and not in `engine/part`, because registers, operations and lenient
reading need it before there is a part. It knows no files and no row groups: what it needs of them is given to it as
plain arrays and as the small protocols `RowsToStore` and `StoredRows` of `base`, which `engine/part/encode.py` and
`engine/part/decode.py` fill. `registry` lists the codecs; docs/codecs.md says how one is added. Kernels that dispatch
on operation codes stay together in the engine, because one kernel for a batch of rows is what makes them fast.
"""
