"""Reports for people: days in figures, and data dictionaries, as text for terminals and as pages."""
