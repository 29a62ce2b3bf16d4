"""Mutation testing, as small as it can be: one change to one module at a time, and do the tests notice?

    python -m verification.mutations shared/kit/stream/checkpoints.py --tests tests/unit/kit --seconds 300
    python -m verification.mutations ... --tests tests/integration/kit/test_checkpoints.py --stack

Nothing is written: each mutant is a forked process in which the functions of the module get the changed code. What runs
at import is not changed. Prints what survived; docs/mutations.md keeps the list with reasons. ``--stack``: one broker
and database for all of them.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib
import json
import os
import random
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple

import pytest

from deploy.local import stack as stack_module
from deploy.local.stack import LocalStack

LONGEST_SECONDS = 90  # of one mutant: one that hangs is noticed
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
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
    within = {
        id(each) for function in ast.walk(tree) if isinstance(function, _FUNCTIONS) for each in ast.walk(function)
    }
    for place, node in enumerate(ast.walk(tree)):
        if id(node) not in within:  # what runs when the module is imported is done by then
            continue
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


def _functions(namespace: dict[str, Any], module: str) -> Iterator[tuple[str, FunctionType]]:
    """The functions and methods that a module defines, by their qualified names."""
    for value in list(namespace.values()):
        if getattr(value, "__module__", None) != module:
            continue
        inner = vars(value).values() if isinstance(value, type) else [value]
        for each in inner:
            found = each.fget if isinstance(each, property) else getattr(each, "__func__", each)
            if isinstance(found, FunctionType):
                yield found.__qualname__, found


def _put_in_place(target: str, tree: ast.Module) -> None:
    """Give the functions of the module that is imported already the code of the changed one."""
    module = importlib.import_module(target.removesuffix(".py").replace("/", "."))
    changed: dict[str, Any] = {"__name__": module.__name__, "__file__": module.__file__}
    exec(compile(tree, target, "exec"), changed)  # noqa: S102  the mutant
    new = dict(_functions(changed, module.__name__))
    for name, function in _functions(vars(module), module.__name__):
        if name in new and new[name].__code__.co_freevars == function.__code__.co_freevars:
            function.__code__ = new[name].__code__


class _EachMutant:
    """A plugin of pytest: what was collected once runs in a forked process for each mutant."""

    def __init__(self, target: str, chosen: Sequence[tuple[int, Mutant]], seconds: float) -> None:
        self._target, self._chosen, self._seconds = target, chosen, seconds
        self.tried, self.survived = 0, list[tuple[int, Mutant]]()

    def pytest_runtestloop(self, session: Any) -> bool:
        """Instead of pytest's own loop."""
        if not self._survives(session, ast.parse(Path(self._target).read_text())):
            raise SystemExit("the tests fail without any change")
        end = time.monotonic() + self._seconds
        for number, mutant in self._chosen:
            if time.monotonic() > end:
                break
            self.tried += 1
            if self._survives(session, mutant.tree):
                self.survived.append((number, mutant))
        return True

    def _survives(self, session: Any, tree: ast.Module) -> bool:
        child = os.fork()
        if child == 0:
            signal.alarm(LONGEST_SECONDS)
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            _put_in_place(self._target, tree)
            for item in session.items:
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
                if session.testsfailed:
                    os._exit(1)
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _share(running: LocalStack) -> None:
    """The tests' own stack is one that runs already."""

    class Shared:
        kafka, mongo_url = running.kafka, running.mongo_url

        def __init__(self, *_: Any, **__: Any) -> None: ...

        def start(self) -> Shared:
            return self

        def kill(self) -> None: ...

    vars(stack_module)["LocalStack"] = Shared


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target")
    parser.add_argument("--tests", nargs="+", required=True)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--stack", action="store_true")
    parser.add_argument("--only", type=int, nargs="*", help="numbers of mutants, as an earlier run printed them")
    given = parser.parse_args()
    found = list(enumerate(mutants(Path(given.target).read_text())))
    chosen = [each for each in found if given.only is None or each[0] in given.only]
    random.Random(1).shuffle(chosen)
    plugin = _EachMutant(given.target, chosen, given.seconds)
    with tempfile.TemporaryDirectory() as folder:
        stack = LocalStack(Path(folder)).start() if given.stack else None
        try:
            if stack is not None:
                _share(stack)
            options = ["-q", "-p", "no:cacheprovider", "-o", "addopts=--import-mode=importlib"]
            pytest.main([*options, *given.tests], [plugin])
        finally:
            if stack is not None:
                stack.kill()
    for number, mutant in sorted(plugin.survived, key=lambda each: each[1].line):
        print(f"{number} {given.target}:{mutant.line}: {mutant.what}")
    print(json.dumps({"mutants": len(chosen), "tried": plugin.tried, "survived": len(plugin.survived)}))


if __name__ == "__main__":
    main()
