"""Processors that machine code is made for that comes with an image: of any maker, ten years old or younger."""

from __future__ import annotations

PORTABLE = {
    "x86_64": (
        "x86-64-v3",
        ("avx", "avx2", "bmi", "bmi2", "cx16", "f16c", "fma", "lzcnt", "movbe", "popcnt", "sse4.2", "ssse3", "xsave"),
    )
}
"""By machine: the name that LLVM has for the processor, and what another one must have to run its code."""
