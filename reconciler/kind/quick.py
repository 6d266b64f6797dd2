"""Whether what is declared is plainly right, without pydantic: what is not plainly right is pydantic's to judge.

A text that is just a text, a list of words that are allowed: most of what is declared. It is taken here only if it is
taken there too, so nobody sees which of both has looked; `tests/test_quick_values.py` holds both against each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from reconciler.kind.declarable import After, Before, Bounds, Declarable, Examples, default_of
from reconciler.kind.fields import MARKS, Part

__all__ = ["plainly_right"]

Test = Callable[[Any], bool]
"""True of what is right; False of what is not, or may not be."""
EXACT_BELOW = 2**53
"""Whole numbers that are no other as a float."""


def plainly_right(made: type[Declarable], fields: Mapping[str, Any]) -> bool:
    """Whether pydantic takes these fields of it, as far as that is to be seen at once."""
    tests, needed = _tests_of(made)
    for name, value in fields.items():
        test = tests.get(name)
        if test is None or not test(value):
            return False
    return needed <= fields.keys()


@cache
def _tests_of(made: type[Declarable]) -> tuple[Mapping[str, Test], frozenset[str]]:
    """A test for each field, and the fields that there must be."""
    tests = {name: _test_of(given) for name, given in made.field_types.items()}
    return tests, frozenset(name for name in tests if default_of(made, name)[0])


def _test_of(given: Any) -> Test:
    origin, inner = get_origin(given), get_args(given)
    if origin is Annotated:
        return _marked(given)
    if origin in (Union, UnionType):
        some = [_test_of(each) for each in inner if each is not NoneType]
        return _quick(_types_of(given), some[0] if len(some) == 1 else _any_of(some))
    if origin is Literal:
        words = frozenset(it for it in inner if type(it) is str)
        return lambda value: type(value) is str and value in words
    if origin is list:
        return _list_of(_test_of(inner[0]), _types_of(inner[0]))
    if origin is dict and inner[0] is str:
        return _map_of(_test_of(inner[1]), _types_of(inner[1]))
    if isinstance(given, type) and issubclass(given, Part):
        return lambda value: type(value) is dict and plainly_right(given, value)
    return _PLAIN.get(given, _never) if isinstance(given, type) or given is Any else _never


# No text that is more than a text (a secret, a word of YAML that surprises), no number that is a boolean.


def _never(value: Any) -> bool:
    return False


def _is_float(value: Any) -> bool:
    return type(value) is float or (type(value) is int and abs(value) < EXACT_BELOW)


_PLAIN: Mapping[Any, Test] = {
    str: lambda value: type(value) is str,
    bool: lambda value: type(value) is bool,
    int: lambda value: type(value) is int,
    float: _is_float,
    NoneType: lambda value: value is None,
    Any: lambda value: True,
}


def _any_of(tests: list[Test]) -> Test:
    return lambda value: any(test(value) for test in tests)


def _types_of(given: Any) -> frozenset[type]:
    """Types of which every value is right."""
    if get_origin(given) in (Union, UnionType):
        return frozenset().union(*map(_types_of, get_args(given)))
    return frozenset({given} if isinstance(given, type) and given in _SURE else ())


_SURE = frozenset({str, bool, int, float, NoneType})


def _quick(types: frozenset[type], test: Test) -> Test:
    return lambda value: type(value) in types or test(value)


# Types of many values are looked at by one call, because metadata are by far the most of what is declared.


def _list_of(test: Test, types: frozenset[type]) -> Test:
    return lambda value: type(value) is list and (types.issuperset(map(type, value)) or all(map(test, value)))


def _map_of(test: Test, types: frozenset[type]) -> Test:
    return lambda value: (
        type(value) is dict
        and _TEXTS.issuperset(map(type, value))
        and (types.issuperset(map(type, value.values())) or all(map(test, value.values())))
    )


_TEXTS = frozenset({str})


def _marked(given: Any) -> Test:
    annotation, *marks = get_args(given)
    test = _test_of(annotation)
    for mark in marks:
        test = _also(test, mark, annotation)
    return test


def _also(test: Test, mark: Any, annotation: Any) -> Test:
    if isinstance(mark, (*MARKS, Examples)):
        return test
    if isinstance(mark, Bounds):
        within = _within(mark)
        return lambda value: test(value) and (value is None or within(value))
    if isinstance(mark, Before):
        return lambda value: _agrees(mark.judge, value) and test(value)
    if isinstance(mark, After) and not _holds_parts(annotation):
        return lambda value: test(value) and _agrees(mark.judge, value)
    return _never  # a marker of pydantic's, or a function that wants what pydantic makes of a part


def _holds_parts(annotation: Any) -> bool:
    return (isinstance(annotation, type) and issubclass(annotation, Part)) or any(
        map(_holds_parts, get_args(annotation))
    )


def _agrees(judge: Callable[[Any], Any], value: Any) -> bool:
    try:
        return judge(value) is value
    except Exception:
        return False  # it is asked once more, and what it says then is told


def _is_utf8(value: Any) -> bool:
    """False of a text with half a character, whose length pydantic refuses to tell."""
    if type(value) is not str or value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _within(bounds: Bounds) -> Test:
    """Of a value of the right type."""
    tests: list[Test] = []
    if (ge := bounds.ge) is not None:
        tests.append(lambda value: value >= ge)
    if (le := bounds.le) is not None:
        tests.append(lambda value: value <= le)
    if (lt := bounds.lt) is not None:
        tests.append(lambda value: value < lt)
    if (least := bounds.min_length) is not None:
        tests.append(lambda value: len(value) >= least and _is_utf8(value))
    if (most := bounds.max_length) is not None:
        tests.append(lambda value: len(value) <= most and _is_utf8(value))
    if bounds.pattern is not None:
        found = re.compile(bounds.pattern).search
        # Beyond printable ASCII two engines may differ in what a space or a letter is, and in where a line ends.
        tests.append(lambda value: value.isascii() and value.isprintable() and found(value) is not None)
    return tests[0] if len(tests) == 1 else lambda value: all(test(value) for test in tests)
