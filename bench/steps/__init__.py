"""Steps of other tools, as processes: each imports only what its tool needs, because start-up time counts."""
