"""PostgreSQL: a session of a server, whose lock dies with it; and how long such a server is waited for."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa

from reconciler.errors import StateError, how_to_install
from reconciler.state.database import Database, number_of

if TYPE_CHECKING:
    from reconciler.state.patience import Impatient

__all__ = ["PostgresDatabase"]


class PostgresDatabase(Database):
    """A session of a server; the locks are advisory locks of this session."""

    far = True
    _BEGIN = "BEGIN"
    _HINTS: ClassVar[dict[str, str]] = {
        "could not translate host name": "check the host in --state or RECONCILER_STATE",
        "Connection refused": "check host and port, and that the server runs",
        "does not exist": "make the database first, or check its name and the user's",
        "password authentication failed": "check the user and the password",
        "permission denied": "the user needs the right to make and change tables in its schema",
    }
    # The server must notice within a minute that our machine is gone, and must not end a session that only waits. One
    # that stands still within a transaction holds up everybody, for it keeps rows: it is ended before others give up.
    _SESSION = sa.text(
        "SELECT set_config(name, value, false) FROM pg_settings JOIN (VALUES ('tcp_keepalives_idle', '30'), "
        "('tcp_keepalives_interval', '10'), ('tcp_keepalives_count', '3'), ('idle_session_timeout', '0'), "
        "('idle_in_transaction_session_timeout', '10s'), "
        "('synchronous_commit', 'on')) AS wanted (name, value) USING (name) "
        "WHERE name <> 'synchronous_commit' OR setting = 'off'"
    )
    _HOLDER = sa.text(
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1 "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
        "AND CAST(classid AS bigint) = :high AND CAST(objid AS bigint) = :low"
    )

    _raw: Impatient | None = None
    """The driver's connection, for `wait_at_most`, which may be called while another thread waits."""

    def _may_exist(self) -> bool:
        return True

    def _engine(self) -> sa.Engine:
        defaults = {
            "connect_timeout": "10",
            "keepalives_idle": "30",
            "keepalives_interval": "10",
            "keepalives_count": "3",
            "application_name": "reconciler",
        }
        url = self._url.update_query_dict(defaults | dict(self._url.query))
        try:
            from reconciler.state.patience import Impatient

            engine = sa.create_engine(
                url, isolation_level="AUTOCOMMIT", poolclass=sa.pool.StaticPool, hide_parameters=True
            )
        except ModuleNotFoundError as error:
            raise StateError(f"{error}: PostgreSQL is an extra: {how_to_install('postgres')}") from error

        @sa.event.listens_for(engine, "do_connect")
        def _connect(_dialect: Any, _record: Any, arguments: Any, options: Any) -> Impatient:
            self._raw = Impatient.connect(*arguments, **options)
            return self._raw

        return engine

    def wait_at_most(self, seconds: float) -> None:
        """Within a tenth of a second, also for the statement that waits."""
        if self._raw is not None:
            self._raw.silence_s = min(seconds, self._raw.silence_s)

    def prove(self) -> None:
        """Whoever lost the session lost its connection, and hears so with the next statement."""

    def _open(self, *, create: bool) -> None:
        super()._open(create=create)
        if not self.absent:
            with self._explained("open"):
                self.connection.execute(self._SESSION)

    def _keep_others_out(self, connection: sa.Connection) -> None:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(number_of("reconciler: the schema"))))

    def acquire(self, stack: str) -> bool:
        """Waits a quarter of a second: the server needs an instant to see that a holder has died."""
        take = sa.select(sa.func.pg_try_advisory_lock(number_of(stack)))
        for pause_s in (0.05, 0.1, 0.1, None):
            with self._explained("lock"):
                if self.connection.scalar(take):
                    return True
            if pause_s:
                time.sleep(pause_s)
        return False

    def release(self, stack: str) -> None:
        """A lost session has released it already."""
        if self._connection is not None:
            with suppress(StateError), self._explained("unlock"):
                self.connection.execute(sa.select(sa.func.pg_advisory_unlock(number_of(stack))))

    def _holder(self, stack: str) -> int | None:
        if self.absent:
            return None
        high, low = divmod(number_of(stack), 1 << 32)
        with self._explained("read"):
            pid: int | None = self.connection.scalar(self._HOLDER, {"high": high, "low": low})
        return pid

    def is_held(self, stack: str) -> bool:
        """The server knows."""
        return self._holder(stack) is not None

    def end_holder(self, stack: str) -> bool:
        """Ends the session, and waits up to five seconds for that."""
        pid = self._holder(stack)
        with self._explained("unlock"):
            return pid is None or bool(self.connection.scalar(sa.select(sa.func.pg_terminate_backend(pid, 5000))))
