"""What a request may hold, as the vendor's client of 7 November 2024 has it: held against by pydantic, as there.

What no model knows is refused (chosen): a typo must not pass, though the vendor's server may well overlook it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

__all__ = [
    "AssetSearch",
    "FeatureMetadata",
    "FeatureSearch",
    "Indexing",
    "ListFilter",
    "ListQuery",
    "ListSort",
    "NewMetadata",
    "UrlSearch",
]

SomeText = Annotated[str, StringConstraints(min_length=1)]


class SentBody(BaseModel):
    """Base of all."""

    model_config = ConfigDict(extra="forbid", strict=True)


class SentOutput(SentBody):
    """A JSON object that is to be made up by a model."""

    response_shape: dict[str, Any] | None = None
    prompt: str | None = None


class SentRead(SentBody):
    """What is written in it."""

    model_id: SomeText | None = None
    prompt: str | None = None
    json_output: SentOutput | None = None


class SentDescribe(SentRead):
    """What is to be seen in it."""

    max_length: int | None = Field(default=None, ge=1)


class SentEmbed(SentBody):
    """Vectors of it."""

    model_id: Literal["multimodal-v1"] | None = None


class SentFulltext(SentBody):
    """Sparse vectors of a text."""

    model_id: Literal["splade-v3"] | None = None


class SentDetector(SentBody):
    """One detector."""

    model_id: SomeText | None = None
    confidence_threshold: float | None = Field(default=None, ge=0, le=1)


class SentDetect(SentBody):
    """Faces and logos in it."""

    faces: SentDetector | None = None
    logos: SentDetector | None = None


class VideoRead(SentRead):
    """Of a video."""

    model_id: Literal["video-descriptor-v1"] | None = None


class VideoDescribe(SentDescribe):
    """Of a video."""

    model_id: Literal["video-descriptor-v1"] | None = None


class ImageRead(SentRead):
    """Of an image."""

    model_id: Literal["image-descriptor-v1"] | None = None


class ImageDescribe(SentDescribe):
    """Of an image."""

    model_id: Literal["image-descriptor-v1"] | None = None


class SentTranscribe(SentRead):
    """What is said in it."""

    model_id: Literal["polyglot-v1"] | None = None


class VideoSetting(SentBody):
    """One pass over a video."""

    interval_sec: int | None = Field(default=None, ge=5, lt=120)
    read: VideoRead | None = None
    embed: SentEmbed | None = None
    transcribe: SentTranscribe | None = None
    describe: VideoDescribe | None = None
    detect: SentDetect | None = None
    json_output: SentOutput | None = None


class ImageSetting(SentBody):
    """What is found in an image."""

    read: ImageRead | None = None
    embed: SentEmbed | None = None
    describe: ImageDescribe | None = None
    detect: SentDetect | None = None
    json_output: SentOutput | None = None


class TextSetting(SentBody):
    """What is found in a text."""

    embed: SentEmbed | None = None
    fulltext: SentFulltext | None = None
    json_output: SentOutput | None = None


class ReindexInto(SentBody):
    """Which asset is indexed anew."""

    asset_id: SomeText
    mode: Literal["replace", "append"]


class Indexing(SentBody):
    """All that the three calls take; which of it each takes is `TAKES` of the family."""

    collection_id: SomeText
    url: SomeText | None = None
    text: SomeText | None = None
    metadata: dict[str, Any] | None = None
    asset_update: ReindexInto | None = None
    should_save: bool | None = None
    prevent_duplicate: bool | None = None
    video_settings: list[VideoSetting] | None = None
    image_settings: ImageSetting | None = None
    text_settings: TextSetting | None = None


class FilterCondition(SentBody):
    """What must be true of the value at a key."""

    key: SomeText
    operator: Literal["eq", "ne", "gt", "lt", "gte", "lte", "in", "nin", "is_null", "text", "exists"] = "eq"
    value: Any = None


class ListFilter(SentBody):
    """Conditions, and filters in filters."""

    AND: list[FilterCondition | ListFilter] | None = None
    OR: list[FilterCondition | ListFilter] | None = None
    NOR: list[FilterCondition | ListFilter] | None = None
    case_sensitive: bool | None = None


class ListSort(SentBody):
    """By one field."""

    field: SomeText
    direction: Literal["asc", "desc"]


class ListQuery(SentBody):
    """A list is asked for by POST."""

    collection_ids: list[SomeText]
    filters: ListFilter | None = None
    sort: ListSort | None = None
    select: list[SomeText] | None = None


class SentMatch(SentBody):
    """A text in some fields."""

    key: list[SomeText]
    value: SomeText


class AssetSearch(ListQuery):
    """A list of assets, and what must stand in them."""

    query: SentMatch | None = None


class NewMetadata(SentBody):
    """Metadata of an asset."""

    metadata: dict[str, Any]
    propagate_features: bool | None = None


class FeatureMetadata(SentBody):
    """Metadata of a feature."""

    metadata: dict[str, Any]


class SentGroups(SentBody):
    """Not more than so many of each group."""

    field: SomeText
    max_features: int | None = Field(default=None, ge=1)
    sort: ListSort | None = None


class SentSearch(ListQuery):
    """What all searches take."""

    model_id: Literal["vuse-generic-v1", "multimodal-v1", "image-embed-v1"] | None = None
    search_type: Literal["semantic", "fulltext"] | None = None
    group_by: SentGroups | None = None


class FeatureSearch(SentSearch):
    """By a text."""

    query: SomeText | None = None


class UrlSearch(SentSearch):
    """By an address."""

    url: SomeText
