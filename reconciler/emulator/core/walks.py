"""How a status moves: at once by reads (`instant`), or by the clock (`real`). Never by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reconciler.emulator.core.options import CoreOptions, Speed
from reconciler.emulator.core.store import AccountStore, Obj

__all__ = ["StatusWalk", "Walker"]


@dataclass(frozen=True, slots=True)
class StatusWalk:
    """The statuses a kind goes through in order, and how it may end."""

    steps: tuple[str, ...]
    end: str = "ready"
    failed: str | None = "failed"
    """None where its vendor knows no failure; what should fail is then stuck in its last step."""
    newer: tuple[str, ...] = ()
    """The steps of the newest vintage, where they differ."""
    shown: tuple[str, ...] = ()
    """The steps that reads see at instant speed; without any, the first and the last. A client that waits five seconds
    between two reads is so done after three of them, whatever it waits for."""


@dataclass(slots=True)
class Walker:
    """Moves objects along the walk of their kind."""

    walks: dict[str, StatusWalk]
    speed: Speed
    options: CoreOptions
    still: bool = False
    """Whether reads move nothing, as when an earlier state is shown again."""

    def start(self, kind: str) -> str:
        """The status that a new object of this kind has."""
        return self._steps(kind)[0]

    def look(self, store: AccountStore, obj: Obj) -> Obj:
        """A read that shows `obj`: it moves on once its present status has been seen often enough."""
        if self.still:
            return obj
        if self.speed == "real":
            return self.up_to_now(store, obj)
        # Statuses that no read is to see are passed over in one go: a client's loop must not take a round for each.
        moved = obj
        while self._moves(moved) and moved.reads >= self._reads(moved):
            moved = self._step(moved, store.now())
        if moved.walking:
            return store.update(moved, reads=moved.reads + 1)
        return moved if moved is obj else store.update(moved)

    def up_to_now(self, store: AccountStore, obj: Obj) -> Obj:
        """`obj` as the clock has it now; being asked about does not move it."""
        moved = obj
        while self.speed == "real" and self._moves(moved):
            # By when it was due, not by when somebody asked: `updated_at` must not depend on who polls.
            due = moved.since + self._seconds(moved)
            if due > store.now():
                break
            moved = self._step(moved, due)
        return moved if moved is obj else store.update(moved)

    def restart(self, store: AccountStore, obj: Obj, **changes: object) -> Obj:
        """Put it back to the first status, as a change of what it is made of does."""
        return store.update(
            obj, **{"status": self.start(obj.kind), "walking": True, "reads": 0, "since": store.now(), **changes}
        )

    def _steps(self, kind: str, status: str = "") -> tuple[str, ...]:
        """By the contract that is followed; by the newer one too for what is in a step that only it has."""
        walk = self.walks[kind]
        newer = self.options.is_newest or (status not in walk.steps and status in walk.newer)
        return walk.newer if walk.newer and newer else walk.steps

    def _moves(self, obj: Obj) -> bool:
        if not obj.walking or obj.fate == "held":
            return False
        walk = self.walks[obj.kind]
        stays = obj.fate == "stuck" or (obj.fate == "failed" and walk.failed is None)
        return not (stays and obj.status == self._steps(obj.kind, obj.status)[-1])

    def _step(self, obj: Obj, when: float) -> Obj:
        walk = self.walks[obj.kind]
        steps = self._steps(obj.kind, obj.status)
        position = steps.index(obj.status) + 1
        ending = walk.failed if obj.fate == "failed" and walk.failed else walk.end
        status = steps[position] if position < len(steps) else ending
        return replace(obj, status=status, walking=position < len(steps), reads=0, since=when, updated_at=when)

    def _reads(self, obj: Obj) -> int:
        table = self.options.reads
        steps = self._steps(obj.kind, obj.status)
        shown = obj.status in (self.walks[obj.kind].shown or (steps[0], steps[-1]))
        usual = self.options.default_reads if shown else 0
        return table.get(f"{obj.kind}.{obj.status}", table.get(obj.status, usual))

    def _seconds(self, obj: Obj) -> float:
        table = self.options.seconds
        return table.get(f"{obj.kind}.{obj.status}", table.get(obj.status, self.options.default_seconds))
