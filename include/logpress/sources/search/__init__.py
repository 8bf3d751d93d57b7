"""A day's records from an OpenSearch or Elasticsearch cluster: addresses, connection, plan, scrolls."""
