"""Documents and images that are embedded as tasks, which only marengo3.5 does: pages, chunks of sentences, the whole.

Nothing is rendered or read: how many pages or sentences a document has follows from its bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Self

from reconciler.emulator.core.synthetic import vector
from reconciler.emulator.twelvelabs.call import ApiCall
from reconciler.emulator.twelvelabs.embed_models import EmbedModel, about_source, one_source
from reconciler.emulator.twelvelabs.embeddings import check_image, uncertainty
from reconciler.emulator.twelvelabs.models import DIMENSIONS
from reconciler.emulator.twelvelabs.problems import invalid
from reconciler.emulator.twelvelabs.reading import Body

__all__ = ["DOCUMENTS", "DocumentPlan", "EmbedDocument", "read_document"]

DOCUMENTS = ("document", "image")
PDF = "application/pdf"
PAIRS = {
    PDF: {("visual", "local"), ("visual", "asset"), ("text", "asset")},
    "text": {("text", "asset"), ("text", "local")},
    "image": {("visual", "asset")},
}
"""What of a file may be asked for in which scope; any other pair is 400."""
USUAL = {PDF: ("visual", "local"), "text": ("text", "asset"), "image": ("visual", "asset")}
QUADRANTS = ("top_left", "top_right", "bottom_left", "bottom_right")
MOST_PAGES, MOST_SENTENCES = 8, 40
NOWHERE = dict.fromkeys(("start_sec", "end_sec", "start_page_number", "end_page_number", "quadrant", "chunk_index"))


@dataclass(frozen=True, slots=True)
class DocumentPlan:
    """Which vectors of which document; kept with a task."""

    content: str
    form: str
    pairs: tuple[tuple[str, str], ...]
    quadrants: bool = False
    most_sentences: int = 0
    overlap: int = 0
    dimensions: int = DIMENSIONS
    uncertain: bool = False

    def as_json(self) -> dict[str, Any]:
        """As it is kept with a task."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Self:
        """As it was kept: JSON has no tuples."""
        return cls(**{**kept, "pairs": tuple((option, scope) for option, scope in kept["pairs"])})

    def rows(self) -> Iterator[dict[str, Any]]:
        """The vectors, in the shape of the answer."""
        for option, scope in self.pairs:
            for shown, where in self._parts(option, scope):
                found = vector(f"{self.content}:{option}:{shown}:{where}", self.dimensions)
                row = {"embedding": found, "embedding_option": option, "embedding_scope": shown, **NOWHERE, **where}
                yield {**row, **({"embedding_uncertainty": uncertainty(found)} if self.uncertain else {})}

    def tokens(self) -> int:
        """What is said to have been read: pages or sentences."""
        return 1 if self.form == "image" else self._pages() if self.form == PDF else self._sentences()

    def _parts(self, option: str, scope: str) -> Iterator[tuple[str, dict[str, Any]]]:
        if scope == "asset":
            yield "asset", {}
        elif self.form == PDF:
            for page in range(1, self._pages() + 1):
                for quadrant in (None, *QUADRANTS) if self.quadrants else (None,):
                    yield "page", {"start_page_number": page, "end_page_number": page, "quadrant": quadrant}
        else:
            # Each chunk brings what it does not repeat of the one before.
            for number in range(-(-self._sentences() // (self.most_sentences - self.overlap))):
                yield "chunk", {"chunk_index": number}

    def _pages(self) -> int:
        return 1 + int(self.content[:6], 16) % MOST_PAGES

    def _sentences(self) -> int:
        return 1 + int(self.content[:6], 16) % MOST_SENTENCES


@dataclass(frozen=True, slots=True)
class EmbedDocument:
    """A document or an image."""

    plan: DocumentPlan
    metadata: dict[str, Any]


def read_document(call: ApiCall, fields: Body, kind: str, model: EmbedModel) -> EmbedDocument:
    """A document or an image, with what of it is wanted; raises the 400 for what cannot be had."""
    if not model.newer:
        raise invalid(f"The input type {kind} requires marengo3.5.")
    part = fields.section(kind)
    source = one_source(call, part, kind)
    if kind == "image":
        check_image(source)
    form = "image" if kind == "image" else PDF if source.media["mime"] == PDF else "text"
    options, scopes = _asked(part, form)
    quadrants, sentences, overlap = _segmentation(part, form, options, scopes) if kind == "document" else (False, 0, 0)
    part.choices("embedding_type", ("separate_embedding",), ("separate_embedding",))
    part.done()
    if model.uncertain and (form == PDF or (form == "text" and scopes != ["local"])):
        raise invalid("With embedding_uncertainty a document must be a text whose embedding_scope is local.")
    plan = DocumentPlan(
        content=source.media["sha256"],
        form=form,
        pairs=tuple((option, scope) for option in options for scope in scopes),
        quadrants=quadrants,
        most_sentences=sentences,
        overlap=overlap,
        dimensions=model.dimensions,
        uncertain=model.uncertain,
    )
    about = {
        "input_type": kind,
        **about_source(source),
        "embedding_options": options,
        "embedding_scopes": scopes,
        "embedding_dimension": model.dimensions,
    }
    return EmbedDocument(plan, about)


def _asked(part: Body, form: str) -> tuple[list[str], list[str]]:
    """Each option with each scope; what nobody names is what is usual for the file."""
    option, scope = USUAL[form]
    options = part.choices("embedding_option", ("visual", "text"), (option,))
    scopes = part.choices("embedding_scope", ("local", "asset"), (scope,))
    for pair in [(option, scope) for option in options for scope in scopes]:
        if pair not in PAIRS[form]:
            what = {PDF: "a PDF", "text": "a text", "image": "an image"}[form]
            raise invalid(f"{part.where}: {' in the scope '.join(pair)} cannot be had of {what}.")
    return options, scopes


def _segmentation(part: Body, form: str, options: list[str], scopes: list[str]) -> tuple[bool, int, int]:
    """Quadrants of each page; or how many sentences a chunk has, and how many of them the next one repeats."""
    segmentation = part.maybe_section("segmentation")
    spatial = segmentation.maybe_section("spatial") if segmentation else None
    sequential = segmentation.maybe_section("sequential") if segmentation else None
    quadrants, sentences, overlap = False, 0, 0
    if segmentation is not None:
        segmentation.done()
        if (spatial is None) == (sequential is None):
            raise invalid(f"{segmentation.where} must have one of spatial and sequential.")
    if spatial is not None:
        quadrants = spatial.choice("strategy", ("standard", "quadrants"), "standard") == "quadrants"
        spatial.done()
    if sequential is not None:
        sequential.one_of("strategy", ("sentence",))
        sentences = sequential.integer("max_sentences", least=1, most=10_000)
        overlap = sequential.whole("overlap_sentences", least=0, most=sentences - 1) or 0
        sequential.done()
    if spatial is not None and (form != PDF or not ("visual" in options and "local" in scopes)):
        raise invalid(f"{part.where}.segmentation.spatial is for pages of a PDF: visual, in the scope local.")
    if ("local" in scopes and form == "text") != (sequential is not None):
        raise invalid(f"{part.where}.segmentation.sequential and the scope local of a text go together.")
    return quadrants, sentences, overlap
