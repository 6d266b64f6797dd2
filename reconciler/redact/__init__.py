"""What may not be shown and what may not act, in one place: every text that leaves for people passes here.

Two things are taken care of. **Secrets**: a value that came from the environment is a `Secret`, which `mask` writes as
its template; and what is known to be secret (`learn`) is found again in whatever others send back, in any usual
spelling. **Neutral text**: `plain` shows what would act on a terminal, a page, or the machine that runs a pipeline, or
what nobody could see, as escapes.
"""

from __future__ import annotations

from reconciler.redact.annotations import annotation
from reconciler.redact.known import Learned, Redactor, forget, knows, learn, passwords_in, redacted, without_known
from reconciler.redact.neutral import escaped_json, plain
from reconciler.redact.secrets import (
    HIDDEN,
    MASKED,
    Secret,
    as_declared,
    digits_of,
    hidden,
    holds_secret,
    mask,
    recalled,
    unmask,
    with_templates,
)

__all__ = [
    "HIDDEN",
    "MASKED",
    "Learned",
    "Redactor",
    "Secret",
    "annotation",
    "as_declared",
    "digits_of",
    "escaped_json",
    "forget",
    "hidden",
    "holds_secret",
    "knows",
    "learn",
    "mask",
    "passwords_in",
    "plain",
    "recalled",
    "redacted",
    "unmask",
    "with_templates",
    "without_known",
]
