"""Serving: days sorted by user, the last calls of a user from them, and a small server."""
