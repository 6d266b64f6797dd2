"""Sets to keep: what they are made of decides every byte of them."""

from __future__ import annotations

import random

from reconciler.results import Made, Rows

__all__ = ["ADDRESS", "MODEL", "STACK", "a_set"]

STACK, ADDRESS, MODEL = "sports-2024", "embeddings/clips/final", "marengo3.0"


def a_set(
    seed: int = 1,
    rows: int = 3,
    *,
    stack: str = STACK,
    address: str = ADDRESS,
    dim: int | None = 8,
    model: str = MODEL,
) -> tuple[Made, Rows]:
    """A set of rows; other seeds give other vectors and another identity."""
    numbers = random.Random(seed)
    made = Rows.of(
        (
            {
                "stack": stack,
                "address": address,
                "identity": f"identity-{seed}",
                "asset_id": "6640f1",
                "content": None,
                "model": model,
                "option": "visual",
                "scope": "clip",
                "start_sec": row * 6,
                "end_sec": row * 6 + 5.75,
                "text": f"it's “{seed}” – 100 %, \\ line\nbreak",
                **({} if dim is None else {"vector": [numbers.gauss(0, 1) for _ in range(dim)]}),
            }
            for row in range(rows)
        ),
        dim,
    )
    manifest = Made(
        stack=stack,
        address=address,
        identity=f"identity-{seed}",
        digest=made.digest,
        rows=len(made),
        dim=dim,
        model=model,
        source="6640f1",
        made_at=f"2026-11-{seed % 28 + 1:02}T08:00:00Z",
        task=f"task-{seed}",
    )
    return manifest, made
