"""New files against what TwelveLabs takes: sizes always, and what is in them where they can be looked into.

All findings at once, before anything is sent. What the API is documented to refuse is an error; what it may well take
is a warning.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from reconciler.errors import how_to_install
from reconciler.files import Files, Probe, can_probe, cuts, media_type, probes
from reconciler.model import Resource, parent_of
from reconciler.provider import Finding
from reconciler.providers.twelvelabs.limits import FRAMES, IMAGE_CODECS, LEAST_SIDE, LENGTHS, Sizes

__all__ = ["inspect", "lengths"]

DOCUMENTS = frozenset({"application/pdf", "text/plain", "text/markdown"})


async def inspect(
    resources: Mapping[str, Resource], making: Collection[str], files: Files, sizes: Mapping[str, Sizes]
) -> list[Finding]:
    """What is to be said of the files of the assets that are to be made."""
    assets = (address for address in making if resources[address].kind == "Asset")
    new = {address: file for address in assets if (file := _file_of(resources[address]))}
    hashed, _ = await files.hashed(new.values())
    new = {address: file for address, file in new.items() if file in hashed}  # what is gone by now is told when sent
    found = [it for address, file in new.items() for it in _by_size(address, hashed[file].size_bytes, file, sizes)]
    missing = await cuts(files, {file: it for file, it in hashed.items() if it.size_bytes})
    found += [_cut(address, file, missing[file]) for address, file in new.items() if file in missing]
    new = {address: file for address, file in new.items() if file not in missing}
    models, shown, pictures = _models(resources), _shown(resources), _pictures(resources, making)
    used = {address: file for address, file in new.items() if address in models or address in shown}
    # Of a picture that is there already something may be made only now.
    used |= {it: file for it in pictures if (file := _file_of(resources[it])) and file not in missing}
    if not used:
        return found
    if not can_probe():
        text = f"{len(used)} new files were not inspected before their upload; {how_to_install('media')}"
        return [*found, Finding("", "", text, "note")]
    hashed = {**hashed, **(await files.hashed(file for file in used.values() if file not in hashed))[0]}
    wanted = {file: hashed[file] for file in used.values() if file in hashed and hashed[file].size_bytes}
    seen = await probes(files, wanted)
    for address, file in used.items():
        if file in seen and address in new:
            found += _by_probe(address, seen[file], models.get(address, {}), shown.get(address))
        if file in seen and address in pictures:
            found += _by_side(address, seen[file], pictures[address])
    return found


async def lengths(resources: Mapping[str, Resource], making: Collection[str], files: Files) -> dict[str, float]:
    """address → seconds, of new files that are to be indexed; nothing of those that cannot be looked into."""
    if not can_probe():
        return {}
    seen_by_models = _models(resources).keys() | _made_of(resources)
    indexed = seen_by_models & set(making)
    new = {it: str(resources[it].fields["file"]) for it in sorted(indexed) if "file" in resources[it].fields}
    hashed, _ = await files.hashed(new.values())
    seen = await probes(files, {name: it for name, it in hashed.items() if it.size_bytes})
    found = {address: seen[file].duration_s for address, file in new.items() if file in seen}
    return {address: seconds for address, seconds in found.items() if seconds is not None}


def _models(resources: Mapping[str, Resource]) -> dict[str, dict[str, str]]:
    """asset → model → an index with that model which it goes into."""
    result: dict[str, dict[str, str]] = {}
    for resource in resources.values():
        index = resources.get(parent_of(resource.address) or "") if resource.kind == "IndexedAsset" else None
        for model in index.fields.get("models", ()) if index else ():
            assert index is not None
            result.setdefault(resource.fields.get("asset", ""), {})[str(model.get("name"))] = index.address
    return result


def _made_of(resources: Mapping[str, Resource]) -> set[str]:
    """Assets of which results are made."""
    return {str(resource.fields["of"]) for resource in resources.values() if "of" in resource.fields}


def _file_of(asset: Resource) -> str:
    """Its file; "" of what is behind an address."""
    return str(asset.fields.get("file") or "")


def _pictures(resources: Mapping[str, Resource], making: Collection[str]) -> dict[str, str]:
    """asset → a vector that is to be made of it as a picture."""
    found: dict[str, str] = {}
    for address in making:
        fields = resources[address].fields if resources[address].kind == "Embedding" else {}
        of = [fields["of"]] if fields.get("media") == "image" and "of" in fields else []
        for asset in (*of, *filter(None, [fields.get("image")]), *fields.get("images", ())):
            found.setdefault(str(asset), address)
    return {asset: address for asset, address in found.items() if asset in resources}


def _shown(resources: Mapping[str, Resource]) -> dict[str, str]:
    """asset → an entity that it shows."""
    entities = (resource for resource in resources.values() if resource.kind == "Entity")
    return {asset: entity.address for entity in entities for asset in entity.fields.get("assets", ())}


def _by_size(address: str, size: int, file: str, sizes: Mapping[str, Sizes]) -> Iterator[Finding]:
    mime = media_type(file)
    kind = mime.partition("/")[0]
    if size == 0:
        yield Finding(address, "file", f"{file} is empty")
    elif kind not in sizes and mime not in DOCUMENTS:
        text = f"{file}: its name does not say whether it is video, audio or an image; the API may refuse it"
        yield Finding(address, "file", text, "warning")
    most = sizes.get(kind, sizes["video"]).chunks
    if size > most:
        noun = kind if kind in sizes else "file"
        yield Finding(
            address,
            "file",
            f"{file} has {_bytes(size)}; {noun if noun != 'file' else 'such'} files may have {_bytes(most)}",
        )


def _cut(address: str, file: str, missing: str) -> Finding:
    return Finding(address, "file", f"{file} is cut short ({missing}); copy it again, or end its recording")


def _by_probe(address: str, probe: Probe, models: Mapping[str, str], entity: str | None) -> Iterator[Finding]:
    if probe.beyond:
        yield Finding(address, "file", f"cannot be looked into ({probe.beyond}); the API may refuse it", "warning")
        return
    if probe.broken:
        text = f"cannot be read as media ({probe.broken}); the API may refuse it"
        yield Finding(address, "file", text, "warning")
        return
    if entity and probe.kind != "image":
        yield Finding(address, "file", f"is {_a(probe.kind)}; {entity} is to be shown by images", "warning")
    elif entity and probe.codec not in IMAGE_CODECS:
        yield Finding(address, "file", f"is {probe.codec}; images of entities are JPEG or PNG", "warning")
    for model, index in models.items():
        for text in _for_model(probe, model):
            yield Finding(address, "file", f"{text} in {index} ({model})")


def _by_side(address: str, probe: Probe, result: str) -> Iterator[Finding]:
    """A picture against what a vector is made of."""
    if probe.kind != "image" or not probe.width or not probe.height or min(probe.width, probe.height) >= LEAST_SIDE:
        return
    size = f"{probe.width}x{probe.height}"
    yield Finding(address, "file", f"has {size} pixels, and {result} is made of {LEAST_SIDE}x{LEAST_SIDE} at least")


def _for_model(probe: Probe, model: str) -> Iterator[str]:
    if probe.kind == "image":
        yield "is an image; only video and audio can be indexed"
        return
    length = next((it for name, it in LENGTHS.items() if model.startswith(name)), None)
    if length and probe.duration_s is not None:
        if probe.duration_s < length.least_s:
            yield f"lasts {probe.duration_s:.1f} s, and must last {length.least_s:g} s at least"
        if probe.duration_s > length.most_s:
            yield f"lasts {probe.duration_s / 3600:.2f} h, and may last {length.most_s / 3600:g} h at most"
    if probe.kind == "video":
        yield from _frame(probe)


def _frame(probe: Probe) -> Iterator[str]:
    width, height = probe.width or 1, probe.height or 1
    long, short = max(width, height), min(width, height)
    if short < FRAMES.least_side:
        yield f"has {width}x{height} pixels, and must have {FRAMES.least_side}x{FRAMES.least_side} at least"
    if long > FRAMES.most_long_side or short > FRAMES.most_short_side:
        most = f"{FRAMES.most_long_side}x{FRAMES.most_short_side}"
        yield f"has {width}x{height} pixels, and may have {most} at most"
    if long > FRAMES.most_aspect * short:
        yield f"is {long / short:.2f}:1 ({width}x{height}), and may be {FRAMES.most_aspect}:1 at most"


def _a(kind: str) -> str:
    return {"audio": "sound", "video": "a video"}.get(kind, kind)


def _bytes(count: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}".replace(".0 ", " ")
    return f"{count} bytes"
