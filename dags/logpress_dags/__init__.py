"""What the DAG files are made of: the day rule, where a run reads and writes, and the daily DAG of a table."""
