"""What ML engineers and serving machines call: `open_lake(uri).table(name).scan(start, end)`."""

from logpress.reading.lake import LakeReader, TableReader, open_lake
from logpress.reading.scan import Scan

__all__ = ["LakeReader", "Scan", "TableReader", "open_lake"]
