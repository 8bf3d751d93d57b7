"""The interface for reading published days: open a lake, choose a table, scan days into a frame."""

from logpress.reading.columns import ColumnInfo
from logpress.reading.lake import LakeReader, TableReader, open_lake
from logpress.reading.scan import Scan

__all__ = ["ColumnInfo", "LakeReader", "Scan", "TableReader", "open_lake"]
