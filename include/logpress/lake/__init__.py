"""The lake: folders, staging, manifests, the catalog, and how a day is published in one step."""

from logpress.lake.folder import Lake, open_or_make_lake, open_lake_folder

__all__ = ["Lake", "open_lake_folder", "open_or_make_lake"]
