"""What the source says of each field of a model: the text below it in the class, read when somebody asks for it.

To read these texts as each class is made would take longer than all else about a class; only schemas, `explain` and
the documentation want them.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise

from reconciler.kind.declarable import Declarable, model_of

__all__ = ["docs_of"]


@cache
def docs_of(made: type[Declarable]) -> Mapping[str, str]:
    """field → its text, "" where there is none or the source is not at hand; those of bases too, unless the class
    declares the field anew."""
    found: dict[str, str] = {}
    for base in reversed(made.__mro__):
        declared = [name for name in inspect.get_annotations(base) if name in made.field_types]
        if declared:
            below = dict(_texts(base))
            found |= {name: below.get(name, "") for name in declared}
    said = {name: info.description for name, info in model_of(made).model_fields.items() if info.description}
    return {**dict.fromkeys(made.field_types, ""), **found, **said}


def _texts(made: type) -> Iterator[tuple[str, str]]:
    try:
        source = textwrap.dedent(inspect.getsource(made))
    except (OSError, TypeError):
        return
    found = ast.parse(source).body[0]
    for line, after in pairwise(found.body if isinstance(found, ast.ClassDef) else ()):
        if (
            isinstance(line, ast.AnnAssign)
            and isinstance(line.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        ):
            yield line.target.id, inspect.cleandoc(after.value.value)
