"""What peers do, as processes: each imports no more than its peer needs, since starting counts."""
