"""Parts of the DAG files: the day of a run, its settings, and the daily DAG of a table."""
