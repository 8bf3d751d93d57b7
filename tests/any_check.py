"""Checks as a contract's YAML gives them."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from logpress.contract.checks import Check

_CHECKS: TypeAdapter[Any] = TypeAdapter(Check)


def check_of(**keys: object) -> Any:
    """A check with these keys."""
    return _CHECKS.validate_python(keys)
