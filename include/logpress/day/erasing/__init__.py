"""Erase records of some people from published days: find them, rewrite what holds them, prove the rest, forget."""

from logpress.day.erasing.days import Erased, ErasedDay, erase, finish

__all__ = ["Erased", "ErasedDay", "erase", "finish"]
