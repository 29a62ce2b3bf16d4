"""Mutation testing, as small as it can be: one change to one module at a time, and do the tests notice?

    python -m verification.mutations shared/kit/stream/checkpoints.py --tests tests/unit/kit --seconds 300
    python -m verification.mutations ... --tests tests/integration/kit/test_checkpoints.py --stack

Nothing is written: each mutant is a forked process that compiles the changed module instead of the file. Prints what
survived; docs/mutations.md keeps the list with reasons. ``--stack``: one broker and database for all of them.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

LONGEST_SECONDS = 90.0  # of one mutant: one that hangs is noticed
_SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add,
}  # fmt: skip


class Mutant(NamedTuple):
    """A change: where, what, and the whole module with it."""

    line: int
    what: str
    tree: ast.Module


def mutants(source: str) -> Iterator[Mutant]:
    """Every single change of a module that these rules know."""
    tree = ast.parse(source)
    for place, node in enumerate(ast.walk(tree)):
        for what, change in _changes(node):
            changed = copy.deepcopy(tree)
            for at, target in enumerate(ast.walk(changed)):
                if at == place:
                    change(target)
                    break
            yield Mutant(getattr(node, "lineno", 0), what, ast.fix_missing_locations(changed))


def _changes(node: ast.AST) -> Iterator[tuple[str, Callable[[Any], None]]]:
    if isinstance(node, ast.Compare) and (kind := _SWAPPED.get(type(node.ops[0]))) is not None:
        yield f"{ast.unparse(node)}: {kind.__name__}", lambda it: it.ops.__setitem__(0, kind())
    if isinstance(node, ast.BoolOp | ast.BinOp) and (swapped := _SWAPPED.get(type(node.op))) is not None:
        yield f"{ast.unparse(node)}: {swapped.__name__}", lambda it: setattr(it, "op", swapped())
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        yield f"not ({ast.unparse(node.test)})", lambda it: setattr(it, "test", ast.UnaryOp(ast.Not(), it.test))
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield f"{node.value} + 1", lambda it: setattr(it, "value", it.value + 1)
    if isinstance(node, ast.Constant) and type(node.value) is bool:
        yield f"not {node.value}", lambda it: setattr(it, "value", not it.value)
    if isinstance(node, ast.Dict):
        for n, key in enumerate(node.keys):
            yield f"{ast.unparse(node)} without {'**' if key is None else ast.unparse(key)}", _without(n)
    if isinstance(node, ast.Return) and node.value is not None:
        yield f"{ast.unparse(node)}: None", lambda it: setattr(it, "value", ast.Constant(None))
    if isinstance(node, ast.stmt) and hasattr(node, "body"):
        for n, inner in enumerate(node.body):
            call = isinstance(inner, ast.Expr) and not isinstance(inner.value, ast.Constant)
            if call or isinstance(inner, ast.Raise | ast.AugAssign):
                yield f"without: {ast.unparse(inner)}", _passing(n)


def _without(n: int) -> Callable[[Any], None]:
    def change(it: ast.Dict) -> None:
        del it.keys[n], it.values[n]

    return change


def _passing(n: int) -> Callable[[Any], None]:
    return lambda it: it.body.__setitem__(n, ast.Pass())


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Gives one module with a change."""

    def __init__(self, name: str, path: str, tree: ast.Module) -> None:
        self._name, self._path, self._tree = name, path, tree

    def find_spec(self, name: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        return importlib.util.spec_from_loader(name, self, origin=self._path) if name == self._name else None

    def get_source(self, fullname: str) -> str | None:
        return None

    def get_code(self, fullname: str) -> Any:
        return compile(self._tree, self._path, "exec")


def survives(target: str, mutant: Mutant, tests: Sequence[str], stack: dict[str, str] | None) -> bool:
    """Whether all tests pass with it."""
    child = os.fork()
    if child == 0:
        os.setsid()
        signal.alarm(int(LONGEST_SECONDS))
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        sys.meta_path.insert(0, _Changed(target.removesuffix(".py").replace("/", "."), target, mutant.tree))
        if stack is not None:
            _share(stack)
        import pytest

        os._exit(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests]))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _share(stack: dict[str, str]) -> None:
    """The tests' own stack is one that is there already."""
    from deploy.local import stack as module

    class Shared:
        kafka, mongo_url = stack["kafka"], stack["mongo_url"]

        def __init__(self, *_: Any, **__: Any) -> None: ...

        def start(self) -> Shared:
            return self

        def kill(self) -> None: ...

    vars(module)["LocalStack"] = Shared


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target")
    parser.add_argument("--tests", nargs="+", required=True)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--stack", action="store_true")
    parser.add_argument("--only", type=int, nargs="*", help="numbers of mutants, as an earlier run printed them")
    given = parser.parse_args()
    # what never changes is imported once, before the forks
    for name in ("aiokafka", "faststream.kafka", "motor.motor_asyncio", "pytest"):
        importlib.import_module(name)
    found = list(enumerate(mutants(Path(given.target).read_text())))
    chosen = [each for each in found if given.only is None or each[0] in given.only]
    random.Random(1).shuffle(chosen)
    with tempfile.TemporaryDirectory() as folder:
        stack = None
        if given.stack:
            from deploy.local.stack import LocalStack

            stack = LocalStack(Path(folder)).start()
        try:
            addresses = None if stack is None else {"kafka": stack.kafka, "mongo_url": stack.mongo_url}
            _run(given.target, chosen, given.tests, addresses, time.monotonic() + given.seconds)
        finally:
            if stack is not None:
                stack.kill()


def _run(
    target: str, chosen: list[tuple[int, Mutant]], tests: Sequence[str], stack: dict[str, str] | None, end: float
) -> None:
    nothing = Mutant(0, "nothing", ast.parse(Path(target).read_text()))
    if not survives(target, nothing, tests, stack):
        raise SystemExit("the tests fail without any change")
    tried, left = 0, list[tuple[int, int, str]]()
    for number, mutant in chosen:
        if time.monotonic() > end:
            break
        tried += 1
        if survives(target, mutant, tests, stack):
            left.append((number, mutant.line, mutant.what))
    for number, line, what in sorted(left, key=lambda each: each[1]):
        print(f"{number} {target}:{line}: {what}")
    print(json.dumps({"target": target, "mutants": len(chosen), "tried": tried, "survived": len(left)}))


if __name__ == "__main__":
    main()
