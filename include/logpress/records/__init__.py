"""Raw bytes and pages of clusters to blocks of whole records: where a record begins and ends."""
