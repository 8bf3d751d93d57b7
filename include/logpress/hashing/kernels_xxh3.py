"""XXH3-128 (Y. Collet, xxHash 0.8, seed 0): the hash of a record, equal to that of any other implementation.

Source: github.com/Cyan4973/xxHash, xxhash.h, and doc/xxhash_spec.md. It guards against accidents, not against an
adversary. `_stripes` hashes texts of more than 240 bytes, eight words at a time, as vectors.

Bounds: reads stay inside buffer[start:end], except that texts of less than 9 bytes are read as 8 bytes.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from logpress.hashing.kernels_hash import fold
from logpress.kernel.compile import inner_kernel, kernel
from logpress.kernel.words import byte_pointer, load32, load64, mul128

_SECRET = np.frombuffer(
    bytes.fromhex(
        "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221b8084674f743248e"
        "e03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8a8fa763fe39c343ff9dcbbc7c70b4f1d"
        "8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc"
        "8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e"
    ),
    dtype=np.uint8,
)
"""The default secret: XXH3_kSecret."""

_STRIPE = 64
"""Bytes that the accumulators take at a time: XXH_STRIPE_LEN."""

_STRIPES_A_BLOCK = (len(_SECRET) - _STRIPE) // 8
"""Stripes between two scrambles. Each stripe uses the secret 8 bytes further on than the one before."""

_P32_1 = 0x9E3779B1
"""XXH_PRIME32_1."""

_P32_2 = np.uint64(0x85EBCA77)
"""XXH_PRIME32_2."""

_P32_3 = 0xC2B2AE3D
"""XXH_PRIME32_3."""

_P64_1 = np.uint64(0x9E3779B185EBCA87)
"""XXH_PRIME64_1."""

_P64_2 = np.uint64(0xC2B2AE3D27D4EB4F)
"""XXH_PRIME64_2."""

_P64_3 = np.uint64(0x165667B19E3779F9)
"""XXH_PRIME64_3."""

_P64_4 = np.uint64(0x85EBCA77C2B2AE63)
"""XXH_PRIME64_4."""

_P64_5 = 0x27D4EB2F165667C5
"""XXH_PRIME64_5."""

_MX1 = np.uint64(0x165667919E3779F9)
"""PRIME_MX1, multiplier of the last mixing step."""

_MX2 = np.uint64(0x9FB21C651E98DF25)
"""PRIME_MX2, multiplier of the last mixing step of texts of 4 to 8 bytes."""

_BEGIN = [_P32_3, int(_P64_1), int(_P64_2), int(_P64_3), int(_P64_4), int(_P32_2), _P64_5, _P32_1]
"""The accumulators before the first stripe: XXH3_INIT_ACC."""

_LOW32 = np.uint64(0xFFFFFFFF)


@inner_kernel
def _shifted(word, bits):
    """A word xored with itself shifted right: XXH_xorshift64."""
    return word ^ (word >> np.uint64(bits))


@inner_kernel
def _avalanche(word):
    """The last mixing step: XXH3_avalanche."""
    return _shifted(_shifted(word, 37) * _MX1, 32)


@inner_kernel
def _avalanche64(word):
    """The last mixing step of XXH64, used for short texts: XXH64_avalanche."""
    return _shifted(_shifted(_shifted(word, 33) * _P64_2, 29) * _P64_3, 32)


@intrinsic
def _swapped(typing_context: Any, word: Any) -> Any:
    """A word with its bytes in reverse order."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bswap(args[0])

    return types.uint64(types.uint64), codegen


def _constant(words: list[int]) -> Any:
    return ir.Constant(ir.VectorType(ir.IntType(64), len(words)), words)


@intrinsic
def _stripes(typing_context: Any, buffer: Any, start: Any, length: Any, secret: Any) -> Any:
    """The eight accumulators after all stripes of buffer[start:start + length], which has at least two."""
    eight = ir.VectorType(ir.IntType(64), 8)
    number = ir.IntType(64)

    def accumulated(builder: Any, sums: Any, data: Any, key: Any) -> Any:
        words, keys = (builder.load(builder.bitcast(at, eight.as_pointer())) for at in (data, key))
        words.align = keys.align = 1
        mixed = builder.xor(words, keys)
        low = builder.and_(mixed, _constant([0xFFFFFFFF] * 8))
        product = builder.mul(low, builder.lshr(mixed, _constant([32] * 8)))
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), 8), [1, 0, 3, 2, 5, 4, 7, 6])
        neighbours = builder.shuffle_vector(words, ir.Constant(eight, ir.Undefined), lanes)
        return builder.add(builder.add(sums, neighbours), product)

    def scrambled(builder: Any, sums: Any, key: Any) -> Any:
        keys = builder.load(builder.bitcast(key, eight.as_pointer()))
        keys.align = 1
        mixed = builder.xor(builder.xor(sums, builder.lshr(sums, _constant([47] * 8))), keys)
        return builder.mul(mixed, _constant([_P32_1] * 8))

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = byte_pointer(context, builder, signature.args[0], args[0], args[1])
        key = byte_pointer(context, builder, signature.args[3], args[3], ir.Constant(number, 0))
        length = args[2]
        count = builder.udiv(builder.sub(length, number(1)), number(_STRIPE))
        sums = cgutils.alloca_once_value(builder, _constant(_BEGIN))  # the compiler keeps it in registers
        with cgutils.for_range(builder, count) as loop:
            of_block = builder.urem(loop.index, number(_STRIPES_A_BLOCK))
            stripe = builder.gep(data, [builder.mul(loop.index, number(_STRIPE))])
            here = builder.gep(key, [builder.mul(of_block, number(8))])
            builder.store(accumulated(builder, builder.load(sums), stripe, here), sums)
            with builder.if_then(builder.icmp_unsigned("==", of_block, number(_STRIPES_A_BLOCK - 1)), likely=False):
                last_key = builder.gep(key, [number(len(_SECRET) - _STRIPE)])
                builder.store(scrambled(builder, builder.load(sums), last_key), sums)
        last = builder.gep(data, [builder.sub(length, number(_STRIPE))])
        found = accumulated(builder, builder.load(sums), last, builder.gep(key, [number(len(_SECRET) - _STRIPE - 7)]))
        words = [builder.extract_element(found, ir.IntType(32)(k)) for k in range(8)]
        return context.make_tuple(builder, signature.return_type, words)

    return types.UniTuple(types.uint64, 8)(buffer, types.int64, types.int64, secret), codegen


@inner_kernel
def _merged(sums, at, begin):
    """The accumulators merged into one word with the secret from `at` on: XXH3_mergeAccs."""
    found = begin
    found += fold(sums[0] ^ load64(_SECRET, at), sums[1] ^ load64(_SECRET, at + 8))
    found += fold(sums[2] ^ load64(_SECRET, at + 16), sums[3] ^ load64(_SECRET, at + 24))
    found += fold(sums[4] ^ load64(_SECRET, at + 32), sums[5] ^ load64(_SECRET, at + 40))
    found += fold(sums[6] ^ load64(_SECRET, at + 48), sums[7] ^ load64(_SECRET, at + 56))
    return _avalanche(found)


@inner_kernel
def _mixed(low, high, buffer, one, two, secret):
    """Both sums after 16 bytes at `one` and 16 bytes at `two`: XXH128_mix32B."""
    a, b = load64(buffer, one), load64(buffer, one + 8)
    c, d = load64(buffer, two), load64(buffer, two + 8)
    low += fold(a ^ load64(_SECRET, secret), b ^ load64(_SECRET, secret + 8))
    low ^= c + d
    high += fold(c ^ load64(_SECRET, secret + 16), d ^ load64(_SECRET, secret + 24))
    high ^= a + b
    return low, high


@kernel
def _few(buffer, start, length):
    """The hash of at most 16 bytes."""
    size = np.uint64(length)
    if length > 8:
        one, two = load64(buffer, start), load64(buffer, start + length - 8)
        low, high = mul128(one ^ two ^ load64(_SECRET, 32) ^ load64(_SECRET, 40), _P64_1)
        low += (size - np.uint64(1)) << np.uint64(54)
        two ^= load64(_SECRET, 48) ^ load64(_SECRET, 56)
        high += two + (two & _LOW32) * (_P32_2 - np.uint64(1))
        low ^= _swapped(high)
        first, second = mul128(low, _P64_2)
        return _avalanche(first), _avalanche(second + high * _P64_2)
    if length > 3:
        word = np.uint64(load32(buffer, start)) | np.uint64(load32(buffer, start + length - 4)) << np.uint64(32)
        low, high = mul128(word ^ load64(_SECRET, 16) ^ load64(_SECRET, 24), _P64_1 + (size << np.uint64(2)))
        high += low << np.uint64(1)
        low ^= high >> np.uint64(3)
        return _shifted(_shifted(low, 35) * _MX2, 28), _avalanche(high)
    if length > 0:
        first, middle, last = buffer[start], buffer[start + (length >> 1)], buffer[start + length - 1]
        word = (
            np.uint64(first) << np.uint64(16) | np.uint64(middle) << np.uint64(24) | np.uint64(last)
            | size << np.uint64(8)
        )  # fmt: skip
        turned = _swapped(word) >> np.uint64(32)
        turned = (turned << np.uint64(13) | turned >> np.uint64(19)) & _LOW32
        one = np.uint64(load32(_SECRET, 0) ^ load32(_SECRET, 4))
        two = np.uint64(load32(_SECRET, 8) ^ load32(_SECRET, 12))
        return _avalanche64(word ^ one), _avalanche64(turned ^ two)
    return (
        _avalanche64(load64(_SECRET, 64) ^ load64(_SECRET, 72)),
        _avalanche64(load64(_SECRET, 80) ^ load64(_SECRET, 88)),
    )


@kernel
def _some(buffer, start, length):
    """The hash of 17 to 240 bytes."""
    size = np.uint64(length)
    low, high = size * _P64_1, np.uint64(0)
    end = start + length
    if length <= 128:
        for k in range((length - 1) // 32, -1, -1):
            low, high = _mixed(low, high, buffer, start + 16 * k, end - 16 * k - 16, 32 * k)
    else:
        for k in range(4):
            low, high = _mixed(low, high, buffer, start + 32 * k, start + 32 * k + 16, 32 * k)
        low, high = _avalanche(low), _avalanche(high)
        for k in range(4, length // 32):
            low, high = _mixed(low, high, buffer, start + 32 * k, start + 32 * k + 16, 3 + 32 * (k - 4))
        low, high = _mixed(low, high, buffer, end - 16, end - 32, 103)
    return (
        _avalanche(low + high),
        np.uint64(0) - _avalanche(low * _P64_1 + high * _P64_4 + size * _P64_2),
    )


@inner_kernel
def hash128(buffer, start, end):
    """XXH3-128 of buffer[start:end], as (low, high)."""
    length = end - start
    if length > 240:
        sums = _stripes(buffer, start, length, _SECRET)
        size = np.uint64(length)
        return _merged(sums, 11, size * _P64_1), _merged(sums, 117, ~(size * _P64_2))
    if length > 16:
        return _some(buffer, start, length)
    return _few(buffer, start, length)
