"""The budget of an account in PostgreSQL, for runs on many machines: a row a bucket, by the database's clock.

It has a connection of its own. That of the state holds the lock of the stack, and a question about a budget must
neither wait for what is written there nor, if it fails, take that lock along. No row is locked between two statements:
a row is written if it still is what was read, else read again. So who dies or hangs keeps nobody waiting. The table is
no part of the schema of states: it is of no stack, is made by the first question, and may be dropped at any time.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from reconciler.http.budget import Ask, Granted, decide
from reconciler.http.budget_text import bucket_from, text_of
from reconciler.http.purse import KeeperLost

__all__ = ["BudgetRows"]

SILENCE_S = 5.0
"""How long the server may say nothing before we go on without it."""
TRIES = 50
MAKE = (
    "CREATE TABLE IF NOT EXISTS reconciler_budgets (account text, bucket text, kept text NOT NULL, "
    "version bigint NOT NULL, PRIMARY KEY (account, bucket))"
)
KNOWN = "SELECT bucket FROM reconciler_budgets WHERE account = %s"
READ = (
    "SELECT extract(epoch FROM clock_timestamp())::float8, kept, version FROM (SELECT 1) AS one "
    "LEFT JOIN reconciler_budgets ON account = %s AND bucket = %s"
)
FIRST = (
    "INSERT INTO reconciler_budgets (account, bucket, kept, version) VALUES (%s, %s, %s, 1) "
    "ON CONFLICT DO NOTHING RETURNING version"
)
NEXT = (
    "UPDATE reconciler_budgets SET kept = %s, version = version + 1 "
    "WHERE account = %s AND bucket = %s AND version = %s RETURNING version"
)


class BudgetRows:
    """All buckets of an account, in the database of a state. `account` is a name from which no key can be found."""

    far = True

    def __init__(self, url: str, account: str) -> None:
        self._url, self._account = url, account
        self._connection: Any = None
        self._mutex = threading.Lock()
        """Questions about several buckets come from several threads."""
        self._chance = random.Random()  # noqa: S311 - jitter, no secret

    def known(self) -> Collection[str]:
        """The buckets that have a row. None, where nobody has asked yet."""
        import psycopg

        try:
            return {row[0] for row in self._connected().execute(KNOWN, (self._account,))}
        except psycopg.errors.UndefinedTable:
            return ()
        except psycopg.Error as error:
            raise self._lost(error) from error

    def ask(self, bucket: str, ask: Ask) -> Granted:
        """Decide on what is there, and write that if nobody else has written meanwhile."""
        import psycopg

        for number in range(TRIES):
            try:
                with self._mutex:
                    granted = self._decided(bucket, ask)
            except (psycopg.errors.UniqueViolation, psycopg.errors.DuplicateTable):
                granted = None  # another process has made the table at the same time
            except psycopg.Error as error:
                raise self._lost(error) from error
            if granted is not None:
                return granted
            time.sleep(self._chance.uniform(0, 0.002 * min(number, 10)))
        raise KeeperLost(f"the row of {bucket} in the state's database was written by others {TRIES} times in a row")

    def _decided(self, bucket: str, ask: Ask) -> Granted | None:
        """What was decided and kept; None when others have written meanwhile."""
        import psycopg

        key = self._account, bucket
        try:
            now, there, version = self._connected().execute(READ, key).fetchone()
        except psycopg.errors.UndefinedTable:
            self._connection.execute(MAKE)
            return None
        kept, granted = decide(bucket_from(there or ""), ask, now)
        if there is None:
            written = self._connection.execute(FIRST, (*key, text_of(kept)))
        else:
            written = self._connection.execute(NEXT, (text_of(kept), *key, version))
        return granted if written.fetchone() is not None else None

    def close(self) -> None:
        """Let go of the connection; again is fine."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> Any:
        if self._connection is None:
            from reconciler.state.patience import Impatient

            url = sa.make_url(self._url).set(drivername="postgresql+psycopg")
            url = url.update_query_dict({"connect_timeout": "5", "application_name": "reconciler budget", **url.query})
            arguments, options = url.get_dialect()().create_connect_args(url)
            self._connection = Impatient.connect(*arguments, **options, autocommit=True)
            self._connection.silence_s = SILENCE_S
            self._connection.prepare_threshold = None  # a pooler may stand between
        return self._connection

    def _lost(self, error: Exception) -> KeeperLost:
        said = " ".join(str(error).split())
        password = sa.make_url(self._url).password
        return KeeperLost(f"the state's database: {said.replace(str(password), '***') if password else said}")
