"""Codecs: pairs that turn a slot's text into typed values and back, exactly or not at all."""
