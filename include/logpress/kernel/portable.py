"""Processors for which machine code in images is compiled: those of any maker, at most ten years old."""

from __future__ import annotations

PORTABLE = {
    "x86_64": (
        "x86-64-v3",
        ("avx", "avx2", "bmi", "bmi2", "cx16", "f16c", "fma", "lzcnt", "movbe", "popcnt", "sse4.2", "ssse3", "xsave"),
    )
}
"""By machine: LLVM's name of the processor, and the features that a processor needs to run its code."""
