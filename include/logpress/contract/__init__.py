"""Contracts: what a table is, read from YAML and checked."""

from logpress.contract.load import contract_names, load_contract
from logpress.contract.model import Contract, parse_day

__all__ = ["Contract", "contract_names", "load_contract", "parse_day"]
