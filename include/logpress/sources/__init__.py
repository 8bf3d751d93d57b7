"""Where raw records come from: files and objects, found, read and decompressed."""

from logpress.sources.listing import RawObject, day_of_path, hour_of_path, list_inputs
from logpress.sources.reader import RawReader, open_raw

__all__ = ["RawObject", "RawReader", "day_of_path", "hour_of_path", "list_inputs", "open_raw"]
