"""Words of memory for kernels: unchecked loads, stores and comparisons, prefetching, and 128-bit products.

The intrinsics below read and write memory without checks. Every caller says why its reads stay inside the array:
buffers of kernels have at least `PADDING` readable bytes behind their last used byte.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

PADDING = 64
"""Bytes that must be readable behind the last used byte of every array a kernel loads words from."""


def byte_pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    """For intrinsics: the address of the byte at an index of an array."""
    data = cgutils.create_struct_proxy(array_type)(context, builder, value=array).data
    return builder.gep(builder.bitcast(data, ir.IntType(8).as_pointer()), [index])


def _address(context: Any, builder: Any, signature: Any, args: Any, place: int = 0) -> Any:
    """The address of the byte at the index that is argument `place + 1`, of the array that is argument `place`."""
    index = context.cast(builder, args[place + 1], signature.args[place + 1], types.int64)
    return byte_pointer(context, builder, signature.args[place], args[place], index)


def _loader(bits: int, numba_type: Any) -> Any:
    @intrinsic
    def load(typing_context: Any, array: Any, index: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            pointer = _address(context, builder, signature, args)
            value = builder.load(builder.bitcast(pointer, ir.IntType(bits).as_pointer()))
            value.align = 1
            return value

        return numba_type(array, index), codegen

    return load


load64 = _loader(64, types.uint64)
load32 = _loader(32, types.uint32)
load16 = _loader(16, types.uint16)


def _storer(bits: int) -> Any:
    @intrinsic
    def store(typing_context: Any, array: Any, index: Any, value: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            pointer = _address(context, builder, signature, args)
            word = context.cast(builder, args[2], signature.args[2], types.uint64)
            if bits < 64:
                word = builder.trunc(word, ir.IntType(bits))
            instruction = builder.store(word, builder.bitcast(pointer, ir.IntType(bits).as_pointer()))
            instruction.align = 1
            return context.get_dummy_value()

        return types.none(array, index, value), codegen

    return store


store64 = _storer(64)
store32 = _storer(32)
store16 = _storer(16)


_WIDE = 32


def _wide_load(builder: Any, pointer: Any) -> Any:
    kind = ir.VectorType(ir.IntType(8), _WIDE)
    value = builder.load(builder.bitcast(pointer, kind.as_pointer()))
    value.align = 1
    return value


def _filled(builder: Any, byte: Any) -> Any:
    """A byte repeated 32 times."""
    kind = ir.VectorType(ir.IntType(8), _WIDE)
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), byte, ir.Constant(ir.IntType(32), 0))
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), _WIDE), [0] * _WIDE)
    return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), lanes)


def _byte(context: Any, builder: Any, signature: Any, args: Any, place: int) -> Any:
    word = context.cast(builder, args[place], signature.args[place], types.uint64)
    return builder.trunc(word, ir.IntType(8))


def _bits(builder: Any, flags: Any) -> Any:
    """A uint64 with a bit for each of 32 comparisons."""
    return builder.zext(builder.bitcast(flags, ir.IntType(_WIDE)), ir.IntType(64))


@intrinsic
def differing32(typing_context: Any, left: Any, i: Any, right: Any, j: Any) -> Any:
    """Which of 32 bytes differ between left[i:] and right[j:]: bit k of a uint64 for byte k."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        one, two = (_wide_load(builder, _address(context, builder, signature, args, place)) for place in (0, 2))
        return _bits(builder, builder.icmp_unsigned("!=", one, two))

    return types.uint64(left, i, right, j), codegen


@intrinsic
def equal32(typing_context: Any, array: Any, index: Any, byte: Any) -> Any:
    """Which of the 32 bytes of array[index:] are `byte`: bit k of a uint64 for byte k."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value = _wide_load(builder, _address(context, builder, signature, args))
        wanted = _filled(builder, _byte(context, builder, signature, args, 2))
        return _bits(builder, builder.icmp_unsigned("==", value, wanted))

    return types.uint64(array, index, byte), codegen


@intrinsic
def like32(typing_context: Any, array: Any, index: Any, ignored: Any, byte: Any) -> Any:
    """Which of the 32 bytes of array[index:] are `byte` after the bits `ignored` are set in them."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value = _wide_load(builder, _address(context, builder, signature, args))
        ignored_bits, wanted = (_filled(builder, _byte(context, builder, signature, args, k)) for k in (2, 3))
        return _bits(builder, builder.icmp_unsigned("==", builder.or_(value, ignored_bits), wanted))

    return types.uint64(array, index, ignored, byte), codegen


@intrinsic
def below32(typing_context: Any, array: Any, index: Any, byte: Any) -> Any:
    """Which of the 32 bytes of array[index:] are less than `byte`: bit k of a uint64 for byte k."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value = _wide_load(builder, _address(context, builder, signature, args))
        limit = _filled(builder, _byte(context, builder, signature, args, 2))
        return _bits(builder, builder.icmp_unsigned("<", value, limit))

    return types.uint64(array, index, byte), codegen


@intrinsic
def copy32(typing_context: Any, source: Any, i: Any, target: Any, j: Any) -> Any:
    """Copy 32 bytes from source[i:] to target[j:]."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value = _wide_load(builder, _address(context, builder, signature, args, 0))
        kind = ir.VectorType(ir.IntType(8), _WIDE)
        target_pointer = _address(context, builder, signature, args, 2)
        builder.store(value, builder.bitcast(target_pointer, kind.as_pointer())).align = 1
        return context.get_dummy_value()

    return types.none(source, i, target, j), codegen


@intrinsic
def prefetch(typing_context: Any, array: Any, offset: Any) -> Any:
    """Begin to load the cache line of the byte at an offset of an array. Nothing is read, so any offset is allowed."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = _address(context, builder, signature, args)
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer(), number, number, number])
        function = builder.module.declare_intrinsic("llvm.prefetch", [ir.IntType(8).as_pointer()], kind)
        builder.call(function, [pointer, number(0), number(3), number(1)])  # to be read, to be kept, data
        return context.get_dummy_value()

    return types.none(array, offset), codegen


@intrinsic
def mul128(typing_context: Any, a: Any, b: Any) -> Any:
    """The 128-bit product of two unsigned 64-bit words, as (low, high)."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        wide = ir.IntType(128)
        left = builder.zext(context.cast(builder, args[0], signature.args[0], types.uint64), wide)
        right = builder.zext(context.cast(builder, args[1], signature.args[1], types.uint64), wide)
        product = builder.mul(left, right)
        low = builder.trunc(product, ir.IntType(64))
        high = builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))
        return context.make_tuple(builder, signature.return_type, (low, high))

    return types.UniTuple(types.uint64, 2)(types.uint64, types.uint64), codegen


@intrinsic
def trailing_zeros(typing_context: Any, word: Any) -> Any:
    """How many low bits of a 64-bit word are zero (64 for zero)."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value = context.cast(builder, args[0], signature.args[0], types.uint64)
        return builder.cttz(value, ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), codegen


@intrinsic
def highest_bit(typing_context: Any, word: Any) -> Any:
    """The number of the highest bit of a 64-bit word that is set, -1 for none."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value = context.cast(builder, args[0], signature.args[0], types.uint64)
        zeros = builder.ctlz(value, ir.Constant(ir.IntType(1), 0))
        return builder.sub(ir.Constant(ir.IntType(64), 63), zeros)

    return types.int64(word), codegen


@intrinsic
def double_bits(typing_context: Any, value: Any) -> Any:
    """The bits of a double as a signed 64-bit integer."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), codegen


@intrinsic
def bits_double(typing_context: Any, value: Any) -> Any:
    """The double whose bits are a signed 64-bit integer."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), codegen
