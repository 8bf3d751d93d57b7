"""Raw bytes and pages of clusters to blocks of whole records: the begin and end of each record."""
