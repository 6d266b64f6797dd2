"""YAML → Desired: the files of a stack as a `Stack` of `Resource`s, or every problem in them at once.

The grammar, where the design leaves a choice:

- A stack is a directory (its own `*.yaml` and `*.yml`, sorted by name; hidden ones are passed over) or one file.
  `include:` adds files below that directory by glob. An included file holds sections, `moved:`, `removed:`, `guards:`
  and the like, but no `stack:`, `provider:`, `variables:` or `include:`. A file that is empty declares nothing.
- Keys of the top are given once over all files; `moved:`, `removed:`, `include:`, `outputs:`, `variables:` and
  `checks:` add up.
- YAML is version 1.2's core schema; scalars that other readers take for something else are refused (`yaml.scalars`),
  and so are duplicate keys, tags, merge keys, a second document, and keys that are no strings. Aliases are allowed, for
  at most a hundred thousand values in a file.
- `${name}` and `${env.NAME}` may stand in every value, not in keys; what the environment gives is a `Secret` and may
  stand in fields only, and only names that whoever runs this allows (`grammar.environment`). `$${` is a literal `${`.
- A reference is a name, or a full address; the name of a group of files stands for all of it (`grammar.generate`).
- `files:`, `metadata_from:` and `…_from:` make resources of files and tables (`grammar.generate`);
  `metadata_schema:` says what metadata must be like (`check.contracts`); `defaults:` gives fields to all entries of a
  section (`grammar.defaults`). `{from: ADDRESS, at: POINTER}` in metadata is what a result says, known after apply
  (`check.laters`).
- Nothing outside of the stack's directory is read, also not through a link.
"""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from reconciler.errors import Invalid, ReconcilerError
from reconciler.load.check.contracts import WORD as CONTRACT
from reconciler.load.check.contracts import Contracts
from reconciler.load.check.replacing import known_checks
from reconciler.load.check.resources import Checker
from reconciler.load.check.searches import SearchChecks
from reconciler.load.grammar import variables as vars_
from reconciler.load.grammar.declarations import Declarations, MadeFrom
from reconciler.load.grammar.defaults import WORD as DEFAULTS
from reconciler.load.grammar.defaults import inherit
from reconciler.load.grammar.documents import Documents
from reconciler.load.grammar.environment import Environment
from reconciler.load.grammar.generate import Generator
from reconciler.load.grammar.inputs import Inputs
from reconciler.load.grammar.outputs import named_outputs
from reconciler.load.grammar.reading import REFRESH, reading_of
from reconciler.load.grammar.settings import StackSettings
from reconciler.load.grammar.shapes import Shape, address_of, shapes_of
from reconciler.load.grammar.variables import expand
from reconciler.load.problems import Place, Problems
from reconciler.load.sources import TextFile
from reconciler.model import Check, Resource, Stack
from reconciler.provider import kinds_of, names
from reconciler.provider import provider as provider_of

__all__ = ["Environment", "expand", "load"]


def load(
    path: Path,
    *,
    variables: Mapping[str, str] | None = None,
    var_file: Path | Mapping[str, Any] | None = None,
    environ: Mapping[str, str],
    allow_env: Collection[str] = (),
    display: Path | None = None,
    instead: Mapping[str, bytes] | None = None,
) -> Stack:
    """The stack in a directory or a file; raises Invalid with all that is wrong.

    `variables` are the arguments of --var, `var_file` is that of --var-file, or what was in it,
    `allow_env` are those of --allow-env (globs of names in `environ` that the
    stack may read), `display` is the path as messages are to show it, `instead` has what is to be read in the place of
    files, by their paths below the stack's directory.
    """
    with _no_garbage():
        try:
            environment = Environment(environ, allow_env)
            return _Load(path, display or path, environment, instead).run(variables or {}, var_file)
        except MemoryError as error:
            raise ReconcilerError(f"{display or path}: reading it takes more memory than there is; split it") from error


@contextmanager
def _no_garbage() -> Iterator[None]:
    """No cycle is made here, and looking for them among a million new objects takes longer than making them."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Load:
    """One run."""

    def __init__(
        self, path: Path, display: Path, environment: Environment, instead: Mapping[str, bytes] | None
    ) -> None:
        self._problems = Problems()
        self._documents = Documents(path, display, self._problems, instead)
        self._generator = Generator(self._documents.root, self._problems)
        self._settings = StackSettings(self._problems)
        self._shapes: dict[str, Shape] = {}
        self._environment = environment

    def run(self, arguments: Mapping[str, str], var_file: Path | Mapping[str, Any] | None) -> Stack:
        """All of it, in order; each stage goes on with what the one before could make sense of."""
        # Before variables are put in: afterwards nobody can see that the name had one.
        varies = any("${" in str(top.get("stack")) for _, top in self._tops())
        self._fill(arguments, var_file)
        name, provider = self._head()
        entries = self._entries()
        closed, root = self._documents.closed, self._documents.root
        checker = Checker(entries, self._shapes, root, self._problems, closed=closed)
        checker.ignore(self._settings.given("ignore"))
        checker.allow(self._settings.given("allow_models"))
        results = self._settings.results(root)
        checker.stores(results)
        resources = checker.resources()
        contracts = Contracts(root, self._problems, self._shapes)
        contracts.check(entries, resources, self._settings.given(CONTRACT), checker.laters.samples)
        reading = reading_of(self._settings.given(REFRESH), self._problems)
        moved = self._settings.moved(entries, self._shapes, closed=closed)
        removed = self._settings.removed(entries, self._shapes)
        outputs = named_outputs(self._settings.many["outputs"], entries, self._shapes, self._problems, closed=closed)
        checks = self._checks(provider, resources, contracts)
        if closed:
            sections = (section for _, section in self._settings.many["checks"] if isinstance(section, dict))
            known_checks(entries, resources, checks, {name for section in sections for name in section}, self._problems)
        if self._problems:
            found = list(self._problems.all(lambda path: address_of(path, self._shapes)))
            raise Invalid(found, more=self._problems.more)
        sources = [
            *(document.source for document in self._documents),
            *self._generator.sources,
            *contracts.sources,
            *checker.sources,
        ]
        return Stack(
            name=name,
            provider=provider,
            root=root.path,
            resources=resources,
            where=WhereWritten(entries, sources, self._settings),
            stamps=self._settings.get("stamps", True),
            guards=self._settings.get("guards", {}),
            prices=self._settings.get("prices", {}),
            moved=moved,
            removed=removed,
            results=results,
            outputs=outputs,
            checks=checks,
            files=tuple(document.source.name for document in self._documents),
            reading=reading,
            varies=varies,
        )

    def _fill(self, arguments: Mapping[str, str], var_file: Path | Mapping[str, Any] | None) -> None:
        """Put variables into all files, those that are included too."""
        documents, problems = self._documents, self._problems
        for document in documents:
            vars_.fill_defaults(document, problems)
        known = vars_.declared(documents, problems)
        file = vars_.from_file(var_file, problems) if var_file else None
        values = vars_.given(known, arguments, file, problems, closed=documents.closed)
        scope = vars_.Scope(values, self._environment, known.keys() - values.keys(), documents.closed, problems.hint)
        filling = vars_.Filling(scope, problems)
        for document in documents:
            filling.fill(document)
        # Last: the patterns under `include:` may hold variables, and what is included cannot declare any.
        documents.include(filling.fill)

    def _head(self) -> tuple[str, str]:
        """Name and provider; the shapes too, which follow from the provider."""
        provider = next((top["provider"] for _, top in self._tops() if isinstance(top.get("provider"), str)), "")
        with suppress(KeyError):
            self._shapes = shapes_of(kinds_of(provider)) if provider else {}
        for document in self._documents:
            self._settings.take(document, self._shapes)
        if not self._documents.closed:
            return "", ""
        provider = self._settings.provider(self._documents.top)
        if provider and not self._shapes:
            self._settings.no_provider(provider, names())
        return self._settings.stack(self._documents.top), provider

    def _checks(self, provider: str, resources: Mapping[str, Resource], contracts: Contracts) -> Mapping[str, Check]:
        """Search checks; nobody knows what can be searched where no provider is."""
        given = self._settings.many["checks"]
        if not (given and provider and self._shapes):
            return {}
        chosen = provider_of(provider)
        closed, kinds = self._documents.closed, chosen.kinds
        reading = SearchChecks(resources, kinds, chosen.searches, self._problems, keys=contracts.keys, closed=closed)
        return reading.checks(given)

    def _tops(self) -> Iterator[tuple[TextFile, Mapping[str, Any]]]:
        for document in self._documents:
            yield document.source, document.top

    def _entries(self) -> Declarations:
        """All that is declared, without a look at what it says."""
        entries = Declarations(self._problems, self._generator.expand)
        for source, top in self._tops():
            for section, value in top.items():
                if section in self._shapes:
                    entries.add_section(value, self._shapes[section], f"{section}/", source)
        entries.spread(lambda entries: Inputs(entries, self._problems))
        inherit(entries, self._settings.given(DEFAULTS), self._shapes, self._problems)
        return entries


class WhereWritten:
    """Where what an address says is written: found on demand, so neither the text nor what was read of it is kept.

    Plain data and no closure: a stack is pickled with it, and the file is read again wherever somebody asks.
    """

    __slots__ = ("_first", "_origins", "_settings")

    def __init__(self, entries: Declarations, sources: Sequence[TextFile], settings: StackSettings) -> None:
        self._origins = {address: entry.origin or entry.source for address, entry in entries.items()}
        self._first, self._settings = sources[0], settings
        for source in sources:
            source.let_go()

    def __call__(self, address: str, *path: str | int) -> tuple[str, int, int]:
        origin = self._origins.get(address, self._first)
        if isinstance(origin, MadeFrom):
            return origin.place(path, on_key=False).find()
        if address not in self._origins:
            setting = self._settings.place(address, path)
            return setting.find() if setting else (origin.name, 0, 0)
        return Place(origin, (*address.split("/"), *path), on_key=not path).find()
