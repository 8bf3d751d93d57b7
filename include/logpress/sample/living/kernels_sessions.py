"""The kernel that draws the calls of sessions as rows of numbers.

A session's random numbers are SplitMix64's from its key, four for each call and some for what is rare, so a session is
the same wherever it is drawn. All arithmetic is on whole numbers, so it is the same on every machine.

Bounds: arrays of sessions have a place a session; `person` is below the length of the arrays of people, functions below
the number of functions, `network` below that of `errors`. `out` arrays have a place for each row that is written, which
the caller has counted; a row beyond their end is counted, but not written. A sum of weights of successors, each times a
liking, is below 2^31, so its product with 32 random bits is below 2^63.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.kernel.compile import inner_kernel, kernel

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_30, _27, _31 = np.uint64(30), np.uint64(27), np.uint64(31)
_32_BITS, _16_BITS = np.uint64(0xFFFFFFFF), np.uint64(0xFFFF)
_16, _32, _48 = np.uint64(16), np.uint64(32), np.uint64(48)


@inner_kernel
def random64(state):
    """The number that SplitMix64 gives for a state."""
    value = (state ^ (state >> _30)) * _FIRST
    value = (value ^ (value >> _27)) * _SECOND
    return value ^ (value >> _31)


@inner_kernel
def quantile(table, bits):
    """Linear between the 4,097 quantiles of a table, by 32 random bits."""
    place = bits >> 20
    low = table[place]
    return low + ((table[place + 1] - low) * (bits & 0xFFFFF) >> 20)


@inner_kernel
def successor(weights, liked, function, bits):
    """The function that follows another: drawn by weights times liking, by 32 random bits."""
    total = np.int64(0)
    for k in range(len(liked)):
        total += np.int64(weights[function, k]) * np.int64(liked[k])
    left = bits * total >> 32
    for k in range(len(liked) - 1):
        left -= np.int64(weights[function, k]) * np.int64(liked[k])
        if left < 0:
            return k
    return len(liked) - 1


@inner_kernel
def place_of(ends, bits):
    """The first place of ascending ends that is above the bits; the last place at most."""
    k = 0
    while k < len(ends) - 1 and bits >= ends[k]:
        k += 1
    return k


@kernel
def draw_calls(sessions, people, functions, successors, tables, settings, inside, out):
    """Draw the calls of sessions, and write those whose `timestamp` lies in a span.

    Args:
        sessions: key uint64[s]; start int64[s], epoch ms; calls, rename, renamed, lasts, held, until, person int64[s],
            as in `Visits`; persona int64[s], the user of a row, the next one from the call `renamed` on; trouble, time,
            late int64[s], factors of failures, elapsed times and late records, 256 for 1.
        people: game, network, login int64[p]; pace int64[p], 256 for 1; backward int64[p], 0 or 1; liking uint16[p, f].
        functions: success int64[f], answer; median int64[f], 16ths of a millisecond; failing int64[f], share of 65,536;
            gap int64[f], 256 for 1; errors int64[networks, f, e], ascending ends of shares of 65,536.
        successors: uint16[games, 2, f, f], weights.
        tables: int64[4097] each: gap, ms; elapsed, 4,096 for 1; slow, 256 for 1; late, s; uint16[65536] each: slip,
            ms; lag, s; int64[k], ends of shares of 65,536: behind.
        settings: int64: begin and end of the span, epoch s; first answer that is an error; function that sets a
            nickname; shares of 65,536: retry, slow, late, other address; gaps of a retry and after a login, 256 for 1.
        inside: int64[s], gets the number of rows in the span.
        out: arrays of rows: begin int64, stamp uint32, persona int32, elapsed, slip, tick uint16, call, answer, behind,
            other_url uint8.

    Returns:
        Number of rows in the span.
    """
    keys, starts, calls, renames, renamed, lasts, held, until, persons, personas, troubles, times, lates = sessions
    game, network, login, pace, backward, liking = people
    success, median, failing, gaps, errors = functions
    gap_table, elapsed_table, slow_table, late_table, slip_table, lag_table, behind_ends = tables
    first_second, end_second = settings[0], settings[1]
    out_begin, out_stamp, out_user, out_elapsed, out_slip, out_tick, out_call, out_answer, out_behind, out_other = out
    room = len(out_begin)
    at = 0
    for s in range(len(keys)):
        state = keys[s]
        begin = starts[s]
        person = persons[s]
        weights = successors[game[person], backward[person]]
        liked = liking[person]
        call = login[person]
        failed = False
        count = 0
        for number in range(calls[s]):
            state += _GOLDEN
            word = random64(state)
            gap_bits, next_bits = np.int64(word & _32_BITS), np.int64(word >> _32)
            state += _GOLDEN
            word = random64(state)
            retry_bits, fail_bits = np.int64(word & _16_BITS), np.int64(word >> _16 & _16_BITS)
            answer_bits, other_bits = np.int64(word >> _32 & _16_BITS), np.int64(word >> _48)
            if number > 0:
                gap = quantile(gap_table, gap_bits) * pace[person] >> 8
                again = failed and retry_bits < settings[4]
                if again:
                    gap = gap * settings[8] >> 8
                elif number < 4:
                    gap = gap * settings[9] >> 8
                if number == renames[s]:
                    call = settings[3]
                elif not again:
                    call = successor(weights, liked, call, next_bits)
                begin += gap * gaps[call] >> 8
            if begin >= end_second * 1000 or begin - starts[s] > lasts[s]:
                break
            failed = number != renames[s] and fail_bits < min(failing[call] * troubles[s] >> 8, 60_000)
            answer = success[call]
            if failed:
                answer = settings[2] + place_of(errors[network[person], call], answer_bits)
            state += _GOLDEN
            word = random64(state)
            elapsed = quantile(elapsed_table, np.int64(word & _32_BITS)) * median[call] * times[s]
            if np.int64(word >> _32 & _16_BITS) < settings[5]:
                elapsed = (elapsed >> 8) * quantile(slow_table, np.int64(random64(word) & _32_BITS))
            elapsed = min((elapsed + (1 << 23)) >> 24, 60_000)
            slip = np.int64(slip_table[np.int64(word >> _48)])
            state += _GOLDEN
            word = random64(state)
            lag = np.int64(lag_table[np.int64(word & _16_BITS)])
            late_bits = np.int64(word >> _16 & _16_BITS) << 8
            if late_bits < settings[6] * lates[s]:
                lag += quantile(late_table, np.int64(random64(word) & _32_BITS))
            stamp = (begin + elapsed + slip) // 1000 + lag
            if number >= held[s]:
                stamp = max(stamp, until[s] + lag)
            if stamp < first_second or stamp >= end_second:
                continue
            if at < room:
                out_begin[at] = begin
                out_stamp[at] = stamp
                out_user[at] = personas[s] + (1 if number >= renamed[s] else 0)
                out_elapsed[at] = elapsed
                out_slip[at] = slip
                out_tick[at] = np.int64(word >> _32 & _16_BITS)
                out_call[at] = call
                out_answer[at] = answer
                out_behind[at] = place_of(behind_ends, np.int64(word >> _48))
                out_other[at] = 1 if other_bits < settings[7] else 0
            at += 1
            count += 1
        inside[s] = count
    return at
