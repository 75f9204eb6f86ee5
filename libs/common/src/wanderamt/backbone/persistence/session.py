"""The SQLModel session of a unit of work: on the asyncpg connection of the unit, in its transaction.

SQLAlchemy's connection pool and driver adapter are not used: asyncpg's own pool and statement cache stay in charge, and
a unit of work that opens no session pays nothing (docs/decisions/0023-sql.md has the measurements).

Invariants: the session begins, commits and rolls back nothing; the unit of work does. Errors of the database arrive as
asyncpg's own classes, as from `uow.db`.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

import asyncpg
from sqlalchemy import Connection, Engine, make_url
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi, PGDialect_asyncpg
from sqlalchemy.pool import NullPool
from sqlalchemy.util import await_only
from sqlmodel.ext.asyncio.session import AsyncSession

MAX_KNOWN_STATEMENTS = 2000

_SESSION_OPTIONS = {
    "populate_existing": True,  # a row that a hand-written statement has changed since is read anew
    "synchronize_session": False,  # UPDATE and DELETE change the table, no rows in memory
}
_ROW_COUNT = re.compile(r"(?:UPDATE|DELETE|INSERT \d+) (\d+)")

Columns = list[tuple[Any, ...]]
"""The result columns of a statement as PEP 249 describes them; empty: it returns no rows."""


def open_session(connection: Any) -> AsyncSession:
    """A session on this asyncpg connection. Opening it needs no statement.

    It does not flush by itself, and keeps what it has loaded when it is flushed.
    """
    session = AsyncSession(autoflush=False, expire_on_commit=False, execution_options=_SESSION_OPTIONS)
    session.sync_session.bind = Connection(_engine(), _BorrowedConnection(connection))  # type: ignore[arg-type]
    return session


@lru_cache
def _engine() -> Engine:
    """Compiles statements and caches the compiled ones. It never connects."""
    dialect = PGDialect_asyncpg(json_serializer=_unchanged)  # type: ignore[no-untyped-call]
    dialect.dbapi = AsyncAdapt_asyncpg_dbapi(asyncpg)  # type: ignore[no-untyped-call, assignment]
    return Engine(NullPool(_refuse_to_connect), dialect, make_url("postgresql+asyncpg://"))


def _unchanged(value: Any) -> Any:
    """The codec of `uow.db` turns JSON values into text."""
    return value


def _refuse_to_connect() -> Any:
    raise RuntimeError("this unit of work has ended, or a cancelled statement ended its session")


class _BorrowedConnection:
    """What SQLAlchemy needs of a PEP 249 connection. The transaction is none of its business."""

    is_valid = True

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.dbapi_connection = self

    def cursor(self) -> "_Cursor":
        return _Cursor(self.connection)

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def close(self) -> None: ...

    def invalidate(self, _error: BaseException | None = None, soft: bool = False) -> None: ...  # noqa: FBT001, FBT002


class _Cursor:
    """A PEP 249 cursor. asyncpg caches prepared statements, so that an execution is one round trip."""

    arraysize = 1

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.description: Columns | None = None
        self.rowcount = -1
        self._rows: Iterator[Any] = iter(())

    def execute(self, sql: str, values: Sequence[Any] | None = None) -> None:
        await_only(self._execute(sql, values or ()))

    def executemany(self, sql: str, values: Sequence[Sequence[Any]]) -> None:
        await_only(self.connection.executemany(sql, values))

    async def _execute(self, sql: str, values: Sequence[Any]) -> None:
        columns = _known_columns().get(sql)
        if columns is None:
            columns = await self._find_columns(sql)
        if columns:
            rows = await self.connection.fetch(sql, *values)
            self.description, self.rowcount, self._rows = columns, len(rows), iter(rows)
            return
        status = _ROW_COUNT.match(await self.connection.execute(sql, *values))
        self.rowcount = int(status[1]) if status else -1

    async def _find_columns(self, sql: str) -> Columns:
        known = _known_columns()
        if len(known) >= MAX_KNOWN_STATEMENTS:
            known.clear()
        prepared = await self.connection.prepare(sql)
        known[sql] = [(column.name, column.type.oid, *(None,) * 5) for column in prepared.get_attributes()]
        return known[sql]

    def fetchone(self) -> Any:
        return next(self._rows, None)

    def fetchmany(self, size: int = 1) -> list[Any]:
        return list(islice(self._rows, size))

    def fetchall(self) -> list[Any]:
        return list(self._rows)

    def close(self) -> None:
        self._rows = iter(())


@lru_cache
def _known_columns() -> dict[str, Columns]:
    """By statement: the result columns, which asyncpg tells only of a statement that it has prepared."""
    return {}
