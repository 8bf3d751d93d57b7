"""How kernels are kept: what is loaded runs, and can be compiled into others."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

CALLED = """
import numpy as np
from logpress.jit import load_cached
from logpress.layout import kernels_match, kernels_json
from tests.unit.test_json_kernels import STACK, padded
value_end, match = kernels_json.value_end, kernels_match.match_record
print(int(value_end(padded(b'[1,2]'), 0, 5, STACK)), end=" ")
"""
CALLING = """
from logpress.layout.model import Kind, Layout, Slot
from logpress.layout.trie import build_trie
from tests.unit.test_layout import match as matched
layout = Layout((b'{"a":', b'}'), (Slot(Kind.CONTAINER, 'extra', '', 'a'),))
print(*matched(build_trie([(7, layout)]), b'{"a":[1,2]}'), end=" ")
print(sum(value_end.stats.cache_hits.values()), sum(match.stats.cache_misses.values()))
"""


def said(code: str, folder: Path) -> str:
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder)}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_kernel_that_was_loaded_is_compiled_into_one_that_was_not(tmp_path):
    assert said(CALLED, tmp_path) == "5"
    assert said(CALLED + CALLING, tmp_path) == "5 7 [(5, 10)] 1 1"
    assert said(CALLED + CALLING, tmp_path) == "5 7 [(5, 10)] 1 0"
