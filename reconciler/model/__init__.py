"""The words of the pipeline as values: frozen, slotted, without behaviour that decides anything.

YAML gives `Resource`s (desired), the API gives `Live` objects, state gives `Recorded` rows; comparing them gives
`Change`s made of `Delta`s, ordering them gives a `Plan` of `Step`s, and walking it gives `Outcome`s in a `Report`.

Field values are JSON values under our field names. A reference is an address in `Resource` and `Recorded`,
and an id in `Live`.
"""

from __future__ import annotations

from reconciler.model.address import MADE_OF_WORDS, is_within, key_of, names_of, parent_of, sections_of, ways_up
from reconciler.model.change import MAKING, Action, Change, ChangedBy, Delta
from reconciler.model.check import Asked, Check, CheckQuery, CheckScore, Expectation, Fit, Floor, Match
from reconciler.model.desired import OUTPUT_NAME, Output, Replacing, Resource, Stack, Where, ignores, nowhere
from reconciler.model.events import (
    BytesSent,
    Event,
    Outcome,
    Paused,
    Report,
    RunEnded,
    StepDone,
    StepFailed,
    StepSkipped,
    StepStarted,
    StillWaiting,
)
from reconciler.model.live import Attempt, Flight, Live, Recorded, Snapshot, Stamp, Status
from reconciler.model.operation import Operation, Signature, Target, Touched, Trace, trace_from
from reconciler.model.plan import Basis, Charge, Cost, Estimate, Plan
from reconciler.model.steps import (
    STEPS,
    BulkCreate,
    Create,
    Delete,
    Fill,
    Forget,
    Link,
    Record,
    Rename,
    Step,
    StepId,
    Unlink,
    Update,
    Verb,
    Wait,
)

__all__ = [
    "MADE_OF_WORDS",
    "MAKING",
    "OUTPUT_NAME",
    "STEPS",
    "Action",
    "Asked",
    "Attempt",
    "Basis",
    "BulkCreate",
    "BytesSent",
    "Change",
    "ChangedBy",
    "Charge",
    "Check",
    "CheckQuery",
    "CheckScore",
    "Cost",
    "Create",
    "Delete",
    "Delta",
    "Estimate",
    "Event",
    "Expectation",
    "Fill",
    "Fit",
    "Flight",
    "Floor",
    "Forget",
    "Link",
    "Live",
    "Match",
    "Operation",
    "Outcome",
    "Output",
    "Paused",
    "Plan",
    "Record",
    "Recorded",
    "Rename",
    "Replacing",
    "Report",
    "Resource",
    "RunEnded",
    "Signature",
    "Snapshot",
    "Stack",
    "Stamp",
    "Status",
    "Step",
    "StepDone",
    "StepFailed",
    "StepId",
    "StepSkipped",
    "StepStarted",
    "StillWaiting",
    "Target",
    "Touched",
    "Trace",
    "Unlink",
    "Update",
    "Verb",
    "Wait",
    "Where",
    "ignores",
    "is_within",
    "key_of",
    "names_of",
    "nowhere",
    "parent_of",
    "sections_of",
    "trace_from",
    "ways_up",
]
