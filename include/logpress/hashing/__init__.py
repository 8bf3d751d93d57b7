"""Hashes of bytes, the tables that number texts by them, and the digest of a multiset of records."""
