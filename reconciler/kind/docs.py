"""What the source says of each field of a model: the text below it in the class, read when somebody asks for it.

pydantic reads these texts as each class is made, which takes longer than all else about a class; only schemas,
`explain` and the documentation want them.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise

from pydantic import BaseModel

__all__ = ["docs_of"]


@cache
def docs_of(model: type[BaseModel]) -> Mapping[str, str]:
    """field → its text, "" where there is none or the source is not at hand; those of bases too, unless the class
    declares the field anew."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        declared = [name for name in inspect.get_annotations(base) if name in model.model_fields]
        if declared:
            below = dict(_texts(base))
            found |= {name: below.get(name, "") for name in declared}
    said = {name: info.description for name, info in model.model_fields.items() if info.description}
    return {**dict.fromkeys(model.model_fields, ""), **found, **said}


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
