"""Where published days lie: folders, manifests, the Iceberg catalog, and how a day gets there all at once."""

from logpress.lake.lake import Lake
from logpress.lake.leftovers import remove_leftovers
from logpress.lake.publish import publish_day

__all__ = ["Lake", "publish_day", "remove_leftovers"]
