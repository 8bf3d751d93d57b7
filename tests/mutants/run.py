"""Breaks kernels one small way at a time, and says which faults no test notices. See README.md beside it.

Each mutant is one change of one kernel in a copy of the library; the tests that belong to its module run against the
copy until one fails. A result is kept by the digest of the broken source, so that a run goes on where one has stopped.
What was killed stays killed when tests change, because tests are only added; `--again` runs it once more.
"""

from __future__ import annotations

import argparse
import ast
import copy
import gc
import hashlib
import json
import multiprocessing
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from types import FunctionType
from typing import Any

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "include" / "logpress"
EQUIVALENT = Path(__file__).with_name("equivalent.json")
KILLED, SURVIVED, SAME, WAITING = "killed", "survived", "equivalent", "not run"

TESTS: dict[str, tuple[str, ...]] = {
    "quality/profile/kernels_counts": ("tests/unit/quality/test_kernels_counts.py",),
    "serving/kernels_words": ("tests/unit/serving/test_user_history.py",),
    "codecs/kernels_dispatch": ("tests/unit/codecs/test_own_kernels.py",),
    "codecs/kernels_instants": (
        "tests/unit/codecs/test_kernels_values.py",
        "tests/unit/kernel/test_bit_tricks.py",
    ),
    "codecs/kernels_instant_columns": ("tests/unit/engine/test_kernels_store.py",),
    "codecs/kernels_kinesis": (
        "tests/unit/codecs/test_kernels_values.py",
        "tests/unit/kernel/test_bit_tricks.py",
    ),
    "codecs/kernels_kinesis_columns": ("tests/unit/engine/test_kernels_store.py",),
    "codecs/kernels_kinesis_texts": ("tests/unit/codecs/test_kernels_kinesis_texts.py",),
    "codecs/kernels_lookup_columns": ("tests/unit/engine/test_kernels_store.py",),
    "codecs/kernels_registers": ("tests/unit/engine/test_kernels_store.py",),
    "codecs/kernels_text": ("tests/unit/kernel/test_bit_tricks.py", "tests/unit/codecs/test_codecs.py"),
    "codecs/kernels_uuid": ("tests/unit/codecs/test_codecs.py", "tests/unit/kernel/test_bit_tricks.py"),
    "codecs/kernels_typed": ("tests/unit/kernel/test_bit_tricks.py", "tests/unit/codecs/test_codecs.py"),
    "comparing/kernels_documents": ("tests/unit/comparing/test_kernels_comparing.py",),
    "comparing/kernels_multisets": ("tests/unit/comparing/test_kernels_comparing.py",),
    "comparing/kernels_values": ("tests/unit/comparing/test_kernels_comparing.py",),
    "engine/convert/kernels_convert": ("tests/unit/engine/convert/test_kernels_convert.py",),
    "engine/convert/kernels_operations": ("tests/unit/engine/convert/test_kernels_convert.py",),
    "engine/convert/kernels_duplicates": ("tests/unit/engine/convert/test_kernels_duplicates.py",),
    "engine/order/kernels_keys": ("tests/unit/engine/order/test_kernels_order.py",),
    "engine/order/kernels_sort": ("tests/unit/engine/row_group/test_kernels_group.py",),
    "engine/part/kernels_columns": ("tests/unit/engine/test_kernels_store.py",),
    "engine/registers/kernels_rows": (
        "tests/unit/engine/test_kernels_store.py",
        "tests/unit/engine/row_group/test_kernels_group.py",
    ),
    "engine/registers/kernels_texts": (
        "tests/unit/engine/test_kernels_store.py",
        "tests/unit/engine/row_group/test_kernels_group.py",
    ),
    "engine/render/kernels_render": ("tests/unit/engine/render/test_kernels_render.py",),
    "engine/restore/kernels_buckets": ("tests/unit/engine/test_kernels_store.py",),
    "engine/row_group/kernels_dictionary": ("tests/unit/engine/row_group/test_kernels_group.py",),
    "engine/row_group/kernels_row_group": ("tests/unit/engine/row_group/test_kernels_group.py",),
    "hashing/kernels_hash": ("tests/unit/codecs/test_codecs.py", "tests/unit/layout/test_json_kernels.py"),
    "hashing/kernels_multiset": ("tests/unit/engine/row_group/test_kernels_group.py",),
    "hashing/kernels_tables": ("tests/unit/engine/row_group/test_kernels_group.py",),
    "hashing/kernels_xxh3": ("tests/unit/codecs/test_codecs.py",),
    "layout/kernels_json": ("tests/unit/layout/test_json_kernels.py",),
    "layout/kernels_match": ("tests/unit/layout/test_kernels_match.py",),
    "layout/kernels_scan": (
        "tests/unit/layout/test_json_kernels.py",
        "tests/unit/records/test_kernels_hits.py",
    ),
    "layout/kernels_unescape": ("tests/unit/comparing/test_kernels_comparing.py",),
    "parquet/kernels_indices": (
        "tests/unit/parquet/test_kernels_pages.py",
        "tests/unit/parquet/test_kernels_parquet.py",
    ),
    "parquet/kernels_levels": (
        "tests/unit/parquet/test_kernels_pages.py",
        "tests/unit/parquet/test_kernels_parquet.py",
        "tests/unit/kernel/test_bit_tricks.py",
    ),
    "parquet/kernels_numbers": (
        "tests/unit/parquet/test_kernels_pages.py",
        "tests/unit/parquet/test_kernels_parquet.py",
        "tests/unit/parquet/test_deltas.py",
        "tests/unit/kernel/test_bit_tricks.py",
    ),
    "parquet/kernels_varints": ("tests/unit/kernel/test_bit_tricks.py",),
    "parquet/kernels_texts": ("tests/unit/parquet/test_kernels_parquet.py",),
    "parquet/zstd/kernels_deltas": ("tests/unit/parquet/test_kernels_zstd.py",),
    "parquet/zstd/kernels_frames": ("tests/unit/parquet/test_kernels_zstd.py",),
    "parquet/zstd/kernels_fse": ("tests/unit/parquet/test_kernels_parquet.py",),
    "parquet/zstd/kernels_huffman": ("tests/unit/parquet/test_kernels_entropy.py",),
    "parquet/zstd/kernels_matches": ("tests/unit/parquet/test_kernels_zstd.py",),
    "parquet/zstd/kernels_sequences": ("tests/unit/parquet/test_kernels_entropy.py",),
    "quality/kernels_repeats": ("tests/unit/quality/test_checks.py",),
    "records/kernels_bulk": ("tests/unit/records/test_kernels_bulk.py",),
    "records/kernels_hits": ("tests/unit/records/test_kernels_hits.py",),
    "records/kernels_lines": ("tests/unit/records/test_kernels_lines.py",),
    "records/kernels_objects": ("tests/unit/records/test_kernels_objects.py",),
    "sample/kernels_lines": ("tests/unit/sample/test_sample.py",),
    "sample/living/kernels_sessions": ("tests/unit/sample/test_sample_chance.py",),
}
"""Which tests belong to a module: twins of its kernels, which take seconds, rather than whole records and files."""

TESTS |= {
    f"codecs/kernels_{codec}": ("tests/unit/codecs/test_own_kernels.py", f"tests/unit/codecs/test_{codec}.py")
    for codec in (path.stem for path in (LIBRARY / "codecs").glob("*.py"))
    if f"codecs/kernels_{codec}" not in TESTS and (LIBRARY / "codecs" / f"kernels_{codec}.py").exists()
}

COMPARED = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
}  # fmt: skip
COMPUTED = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.FloorDiv: ast.Mult, ast.LShift: ast.RShift,
    ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitOr,
}  # fmt: skip
SWAPPED = {"min": "max", "max": "min"}


@dataclass(frozen=True)
class Mutant:
    """One change of one kernel."""

    module: str
    function: str
    line: int
    what: str
    before: str
    """The line's source."""
    after: str
    """What the changed part reads now."""
    kernels: frozenset[str]
    """This kernel, and those of its module that call it."""
    write: Callable[[], str]
    """Gives the whole broken module."""

    @cached_property
    def source(self) -> str:
        return self.write()

    @property
    def key(self) -> str:
        return hashlib.sha256(self.source.encode()).hexdigest()[:16]


def _changed(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:  # noqa: C901 - one branch a kind of change
    """Each way in which a node is broken, with what it is called."""
    other: Any
    if _is_droppable(node):
        yield "statement dropped", ast.Pass()
    if isinstance(node, ast.Compare):
        for k, operator in enumerate(node.ops):
            if type(operator) in COMPARED:
                other = copy.deepcopy(node)
                other.ops[k] = COMPARED[type(operator)]()
                yield "comparison", other
    elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in COMPUTED:
        other = copy.deepcopy(node)
        other.op = COMPUTED[type(node.op)]()
        yield "operator", other
        if isinstance(node.op, ast.LShift | ast.RShift) and isinstance(node, ast.BinOp):
            other = copy.deepcopy(node)
            other.right = ast.BinOp(other.right, ast.Add(), ast.Constant(1))
            yield "shift by one more", other
    elif isinstance(node, ast.BoolOp):
        other = copy.deepcopy(node)
        other.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield "and/or", other
        for k in range(len(node.values)):
            other = copy.deepcopy(node)
            del other.values[k]
            yield "condition dropped", other if len(other.values) > 1 else other.values[0]
    elif isinstance(node, ast.Constant) and type(node.value) is int:
        for step in (1, -1):
            yield f"constant {step:+}", ast.Constant(node.value + step)
    elif isinstance(node, ast.Constant) and type(node.value) is bool:
        yield "truth", ast.Constant(not node.value)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id in SWAPPED:
            other = copy.deepcopy(node)
            other.func = ast.Name(SWAPPED[node.func.id], ast.Load())
            yield "min/max", other
        elif node.func.id == "abs":
            yield "abs dropped", copy.deepcopy(node.args[0])
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not dropped", copy.deepcopy(node.operand)
    elif isinstance(node, ast.If) and isinstance(node.body[-1], ast.Return | ast.Continue | ast.Break):
        other = copy.deepcopy(node)
        other.test = ast.Constant(value=False)
        yield "check dropped", other


def _is_shape(node: ast.Subscript) -> bool:
    return isinstance(node.value, ast.Attribute) and node.value.attr == "shape"


def _is_droppable(node: ast.AST) -> bool:
    """Whether a statement can be left out; without the first value of a variable a kernel cannot be compiled."""
    if isinstance(node, ast.Assign):
        return isinstance(node.targets[0], ast.Subscript)
    is_call = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    return is_call or isinstance(node, ast.AugAssign | ast.Break | ast.Continue)


class _Replaced(ast.NodeTransformer):
    def __init__(self, node: ast.AST, other: ast.AST) -> None:
        self._node, self._other = node, other

    def visit(self, node: ast.AST) -> ast.AST:
        return self._other if node is self._node else self.generic_visit(node)


def mutants_of(module: str) -> list[Mutant]:
    """All mutants of a module's kernels."""
    text = (LIBRARY / f"{module}.py").read_text()
    lines = text.splitlines(keepends=True)
    found = []
    tree = ast.parse(text)
    for function in tree.body:
        names = {ast.unparse(decorator) for decorator in getattr(function, "decorator_list", [])}
        if not isinstance(function, ast.FunctionDef) or not names & {"kernel", "inner_kernel"}:
            continue
        kernels = _callers(tree, function.name)
        sides = {node.slice for node in ast.walk(function) if isinstance(node, ast.Subscript) and _is_shape(node)}
        for statement in function.body:
            for node in ast.walk(statement):
                if node in sides:  # most arrays have one dimension, and shape[-1] is shape[0]
                    continue
                for what, other in _changed(node):
                    line = getattr(node, "lineno", statement.lineno)
                    head = ast.unparse(ast.fix_missing_locations(other)).splitlines()[0]
                    write = partial(_written, lines, function, _Replaced(node, other))
                    before = lines[line - 1].strip()
                    found.append(Mutant(module, function.name, line, what, before, head, kernels, write))
    return found


def _callers(tree: ast.Module, name: str) -> frozenset[str]:
    """A function, and those of its module that call it, be it through another one."""
    found = {name}
    while True:
        more = {
            function.name
            for function in tree.body
            if isinstance(function, ast.FunctionDef)
            and any(isinstance(node, ast.Name) and node.id in found for node in ast.walk(function))
        }
        if more <= found:
            return frozenset(found)
        found |= more


def _written(lines: list[str], function: ast.FunctionDef, broken: _Replaced) -> str:
    """A module in which one function is written anew: the others keep their lines, and so what messages say."""
    before = lines[: function.decorator_list[0].lineno - 1]
    return "".join([*before, _replaced(function, broken), "\n", *lines[function.end_lineno :]])


def _replaced(function: ast.FunctionDef, broken: _Replaced) -> str:
    shallow = copy.copy(function)
    shallow.body = [_visited(statement, broken) for statement in function.body]
    return ast.unparse(ast.fix_missing_locations(shallow))


def _visited(node: ast.stmt, broken: _Replaced) -> ast.stmt:
    """A copy of a statement in which one node is another; `node` itself stays."""
    number = next((k for k, part in enumerate(ast.walk(node)) if part is broken._node), None)
    twin = copy.deepcopy(node)
    if number is None:
        return twin
    for k, part in enumerate(ast.walk(twin)):
        if k == number:
            changed = _Replaced(part, broken._other).visit(twin)
            assert isinstance(changed, ast.stmt)
            return changed
    raise AssertionError


def reason_of_equivalence(mutant: Mutant, known: list[dict[str, str]]) -> str | None:
    """Why a mutant gives the same results, if a person has found so."""
    for entry in known:
        if (
            entry["module"] in ("*", mutant.module)
            and entry.get("function", mutant.function) == mutant.function
            and entry.get("line", "") in mutant.before
            and entry.get("what", "") in mutant.what
            and entry.get("after", mutant.after) == mutant.after
        ):
            return entry["reason"]
    return None


FORKS = multiprocessing.get_context("forkserver")
PRELOADED = ["hypothesis.extra.numpy", "numba", "pandas", "pyarrow.parquet", "pydantic", "pytest", "xxhash"]
"""Packages that each run of tests needs: they are imported once, and each run is a fork of that process."""


NOT_THE_COPY = 99
"""In place of pytest's exit code: tests have run against another library."""


class NamedFirst:
    """A plugin of pytest: tests that name a kernel, themselves or in a function that they call, run first."""

    def __init__(self, kernels: frozenset[str]) -> None:
        self._kernels = kernels

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items.sort(key=lambda item: not self._is_named(item.function, 3))  # stable

    def _is_named(self, function: Any, levels: int) -> bool:
        inner = getattr(getattr(function, "hypothesis", None), "inner_test", function)
        if not isinstance(inner, FunctionType) or levels == 0:
            return False
        code = inner.__code__
        names = {*code.co_names, *(name for some in code.co_consts for name in getattr(some, "co_names", ()))}
        called = [inner.__globals__.get(name) for name in names if name in inner.__globals__]
        return bool(names & self._kernels) or any(self._is_named(one, levels - 1) for one in called)


def run_tests(
    include: str, cache: str, bounds: bool, seconds: int, tests: tuple[str, ...], kernels: frozenset[str]
) -> None:
    """Run tests against a copy of the library, in a process of its own; its exit code is that of pytest."""
    os.setsid()
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))  # a loop without end is no matter of how busy a core is
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    os.environ.pop("NUMBA_CACHE_DIR", None)
    path = os.pathsep.join((include, str(ROOT)))
    os.environ |= {"PYTHONPATH": path, "LOGPRESS_CACHE_DIR": cache, "LOGPRESS_FUZZ": "mutants"}
    sys.dont_write_bytecode = bool(kernels)  # that of the sound library, and of tests, is kept
    gc.disable()
    sys.path[:0] = [include, str(ROOT)]
    os.chdir(ROOT)
    os.environ["NUMBA_BOUNDSCHECK"] = "1" if bounds else "0"
    import pytest
    from numba.core import config

    config.reload_config()
    options = ["-x", "-q", "-p", "no:cacheprovider", "-m", "not long", "--no-header"]
    code = int(pytest.main([*options, *tests], plugins=[NamedFirst(kernels)]))
    found = Path(sys.modules["logpress"].__file__ or "").parent if "logpress" in sys.modules else None
    os._exit(NOT_THE_COPY if found != Path(include) / "logpress" and code != 4 else code)


class Bench:
    """A copy of the library and a cache of machine code, for one mutant at a time."""

    def __init__(self, folder: Path, number: int) -> None:
        self.include = folder / f"include-{number}"
        self.cache = folder / f"cache-{number}"
        self.sound: set[Path] = set()
        shutil.rmtree(self.include, ignore_errors=True)
        shutil.copytree(LIBRARY, self.include / "logpress", ignore=shutil.ignore_patterns("__pycache__"))

    def _versions(self) -> set[Path]:
        return set(self.cache.glob("logpress/kernels/*/*"))

    def keep_what_is_there(self) -> None:
        """Machine code that is in the cache now is that of the sound library: it stays there."""
        self.sound = self._versions()

    def passes(self, module: str, kernels: frozenset[str], seconds: int, bounds: bool = False) -> bool:
        """Whether the tests of a module pass, with bounds of arrays checked or not; those of these kernels first."""
        arguments = (str(self.include), str(self.cache), bounds, seconds, TESTS[module], kernels)
        process = FORKS.Process(target=run_tests, args=arguments)
        process.start()
        process.join(60 * seconds)  # of the clock: others may want the cores, too
        if process.exitcode is None:
            os.killpg(process.ident or 0, signal.SIGKILL)
            process.join()
        if process.exitcode in (3, 4, NOT_THE_COPY):
            raise SystemExit(f"pytest could not run the tests of {module}: {process.exitcode}")
        return process.exitcode == 0

    def try_mutant(self, mutant: Mutant, seconds: int, bounds: bool) -> str:
        """Killed or survived; with `bounds`, what changes no result is killed if it leaves an array."""
        path = self.include / "logpress" / f"{mutant.module}.py"
        whole, times = path.read_text(), path.stat()
        path.write_text(mutant.source)
        try:
            return SURVIVED if self.passes(mutant.module, mutant.kernels, seconds, bounds) else KILLED
        finally:
            path.write_text(whole)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # by which Python knows its bytecode
            for version in self._versions() - self.sound:
                shutil.rmtree(version, ignore_errors=True)


def chosen(modules: list[str], function: str | None, count: int | None, seed: int) -> list[Mutant]:
    """Mutants to try: all, or `count` of each module, its kernels in turn, and the kinds of change of each in turn.

    A larger count only adds mutants to those of a smaller one.
    """
    found: dict[str, Mutant] = {}
    for module in modules:
        mutants = [mutant for mutant in mutants_of(module) if function in (None, mutant.function)]
        random.Random(f"{seed} {module}").shuffle(mutants)
        mutants = _in_turn(mutants, lambda mutant: (mutant.function, mutant.what))
        more: dict[str, Mutant] = {}
        for mutant in _in_turn(mutants, lambda mutant: mutant.function):
            if len(more) == count:
                break
            more.setdefault(mutant.key, mutant)
        found |= more
    return list(found.values())


def _in_turn(mutants: list[Mutant], group: Callable[[Mutant], Hashable]) -> list[Mutant]:
    """The first mutant of each group, then the second of each, and so on."""
    met: Counter[Hashable] = Counter()
    turns = []
    for mutant in mutants:
        turns.append(met[group(mutant)])
        met[group(mutant)] += 1
    return [mutants[k] for k in sorted(range(len(mutants)), key=turns.__getitem__)]


def main() -> int:
    """Try mutants, print a table; 1 if one survives."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--module", action="append", choices=sorted(TESTS), help="repeatable; all if it is not given")
    parser.add_argument("--function", help="only mutants of this kernel")
    parser.add_argument("--count", type=int, help="mutants a module, of all kernels and kinds; all if it is not given")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=60, help="of one core after which a run of tests has failed")
    parser.add_argument("--results", type=Path, default=ROOT / "mutants.json", help="where results are kept")
    parser.add_argument("--folder", type=Path, help="where machine code is kept for the next run; nowhere by default")
    parser.add_argument("--quick", action="store_true", help="do not run survivors once more with bounds checked")
    parser.add_argument("--again", action="store_true", help="try mutants whose result is known, too")
    parser.add_argument("--report", action="store_true", help="only print what is known")
    parser.add_argument("--list", action="store_true", help="only count the mutants")
    options = parser.parse_args()
    modules = options.module or sorted(TESTS)
    mutants = chosen(modules, options.function, options.count, options.seed)
    if options.list:
        print(
            *(f"{count:6} {module}" for module, count in Counter(mutant.module for mutant in mutants).items()), sep="\n"
        )
        return 0
    known = json.loads(EQUIVALENT.read_text())
    results = Results(options.results)
    if options.report:
        return report(mutants, results, known)
    waiting: dict[str, list[Mutant]] = {}
    for mutant in mutants:
        if reason_of_equivalence(mutant, known) is None and (options.again or results.of(mutant) is None):
            waiting.setdefault(mutant.module, []).append(mutant)
    with tempfile.TemporaryDirectory(prefix="logpress-mutants-") as folder, ThreadPoolExecutor(options.jobs) as pool:
        FORKS.set_forkserver_preload(PRELOADED)
        benches = [Bench(options.folder or Path(folder), number) for number in range(options.jobs)]
        for module, some in waiting.items():
            survivors = _try_all(some, module, benches, pool, results, options.seconds)
            if survivors and not options.quick:
                survivors = _try_bounds(survivors, module, benches, pool, results, options.seconds)
            for mutant in survivors:
                results.keep(mutant, SURVIVED)
    return report(mutants, results, known)


def _try_all(
    mutants: list[Mutant], module: str, benches: list[Bench], pool: ThreadPoolExecutor, results: Results, seconds: int
) -> list[Mutant]:
    """Try mutants of one module; returns those that survive, whose results are not kept yet."""
    if not benches[0].passes(module, frozenset(), 10 * seconds):
        raise SystemExit(f"the tests of {module} fail without any change")
    for bench in benches[1:]:
        shutil.copytree(benches[0].cache, bench.cache, dirs_exist_ok=True)
    outcomes = _outcomes(mutants, benches, pool, results, seconds, False)
    return [mutant for mutant, outcome in zip(mutants, outcomes, strict=True) if outcome == SURVIVED]


def _outcomes(
    mutants: list[Mutant], benches: list[Bench], pool: ThreadPoolExecutor, results: Results, seconds: int, bounds: bool
) -> list[str]:
    """What becomes of mutants, each on a bench that is free; killed ones are kept."""
    free = SimpleQueue[Bench]()
    for bench in benches:
        bench.keep_what_is_there()
        free.put(bench)

    def work(mutant: Mutant) -> str:
        bench = free.get()
        begun = time.monotonic()
        try:
            outcome = bench.try_mutant(mutant, seconds, bounds)
        finally:
            free.put(bench)
        if outcome == KILLED:
            results.keep(mutant, outcome)
        print(f"{outcome:9} {time.monotonic() - begun:5.1f} s  {_said(mutant)}", flush=True)
        return outcome

    return list(pool.map(work, mutants))


def _try_bounds(
    survivors: list[Mutant], module: str, benches: list[Bench], pool: ThreadPoolExecutor, results: Results, seconds: int
) -> list[Mutant]:
    """Try survivors once more with bounds of arrays checked, if the tests of their module pass so."""
    if not benches[0].passes(module, frozenset(), 10 * seconds, bounds=True):
        print(f"the tests of {module} fail with bounds checked: survivors run without", flush=True)
        return survivors
    outcomes = _outcomes(survivors, benches, pool, results, 2 * seconds, True)
    return [mutant for mutant, outcome in zip(survivors, outcomes, strict=True) if outcome == SURVIVED]


class Results:
    """What became of mutants, in a file: by the broken source, and by the tests if they did not notice it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        self._lock = Lock()

    def of(self, mutant: Mutant) -> str | None:
        """Killed or survived, or None if it is not known."""
        return self._known.get(mutant.key) or self._known.get(self._with_tests(mutant))

    def keep(self, mutant: Mutant, outcome: str) -> None:
        """Keep a result, on disk, too."""
        with self._lock:
            self._known.pop(mutant.key, None)
            self._known[mutant.key if outcome == KILLED else self._with_tests(mutant)] = outcome
            unfinished = self._path.with_suffix(".new")
            unfinished.write_text(json.dumps(self._known, indent=0))
            unfinished.replace(self._path)

    @staticmethod
    def _with_tests(mutant: Mutant) -> str:
        tests = b"".join((ROOT / test).read_bytes() for test in TESTS[mutant.module])
        return f"{mutant.key} {hashlib.sha256(tests).hexdigest()[:16]}"


def _said(mutant: Mutant) -> str:
    return f"{mutant.module}.py:{mutant.line} {mutant.function}: {mutant.what}: {mutant.before}  ->  {mutant.after}"


def report(mutants: list[Mutant], results: Results, known: list[dict[str, str]]) -> int:
    """Print what became of the mutants, by module."""
    table: dict[str, Counter[str]] = {}
    survivors = []
    for mutant in mutants:
        outcome = SAME if reason_of_equivalence(mutant, known) else results.of(mutant) or WAITING
        table.setdefault(mutant.module, Counter())[outcome] += 1
        if outcome == SURVIVED:
            survivors.append(_said(mutant))
    print(f"\n{'module':32} {'mutants':>8} {KILLED:>8} {SURVIVED:>9} {SAME:>11} {WAITING:>8}")
    for module, counts in [*sorted(table.items()), ("all", sum(table.values(), Counter()))]:
        figures = f"{counts[KILLED]:8} {counts[SURVIVED]:9} {counts[SAME]:11} {counts[WAITING]:8}"
        print(f"{module:32} {counts.total():8} {figures}")
    print(*survivors, sep="\n")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
