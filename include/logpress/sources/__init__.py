"""Where raw records come from: listing a day's raw objects, and reading their decompressed bytes."""

from logpress.sources.ahead import Openings
from logpress.sources.dated import day_of_path, hour_of_path
from logpress.sources.listing import Place, RawObject, list_inputs
from logpress.sources.reader import RawReader, open_raw
from logpress.sources.window import fill_in

__all__ = [
    "Openings",
    "Place",
    "RawObject",
    "RawReader",
    "day_of_path",
    "fill_in",
    "hour_of_path",
    "list_inputs",
    "open_raw",
]
