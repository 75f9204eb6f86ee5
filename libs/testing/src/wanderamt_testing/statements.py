"""The SQL statements that a service sends, by transaction. Tests gate their number; times depend on the machine."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from asyncpg.connection import LoggedQuery
from wanderamt.backbone.persistence.database import Database

NOT_COUNTED = ("pg_notify", "typeinfo_tree", "set_config('jit'")
ENDS = ("COMMIT", "ROLLBACK;")  # "ROLLBACK TO" ends a savepoint


@dataclass
class StatementLog:
    """Statements in the order in which they ended, without notifications, whose number depends on the moment, and
    without the types that the driver looks up once per connection."""

    _sent: list[tuple[int, str]] = field(default_factory=list)

    @classmethod
    async def of(cls, database: Database) -> "StatementLog":
        """Logs from now on, on all connections of the pool."""
        log = cls()
        connections = [await database.pool.acquire() for _ in range(database.max_connections)]
        for number, connection in enumerate(connections):
            connection.add_query_logger(partial(log.record, number))
            await database.pool.release(connection)
        return log

    @property
    def statements(self) -> list[str]:
        return [sql for _, sql in self._sent]

    def transactions(self) -> list[list[str]]:
        """The statements of each transaction, BEGIN and COMMIT included; a statement of its own is one, too."""
        return list(self._transactions())

    def transaction_with(self, *texts: str) -> list[str]:
        """The only transaction whose statements contain all these texts."""
        [transaction] = [sent for sent in self._transactions() if all(text in " ".join(sent) for text in texts)]
        return transaction

    def _transactions(self) -> Iterator[list[str]]:
        running: dict[int, list[str]] = {}
        for connection, sql in self._sent:
            if sql.startswith("BEGIN"):
                running[connection] = [sql]
            elif connection not in running:
                yield [sql]
            else:
                running[connection].append(sql)
                if sql.startswith(ENDS):
                    yield running.pop(connection)

    def record(self, connection: int, query: LoggedQuery) -> None:
        sql = " ".join(query.query.split())
        if not any(word in sql for word in NOT_COUNTED):
            self._sent.append((connection, sql))


def shortened(statements: Sequence[str]) -> str:
    """For the message of a failed assertion."""
    return "\n".join(sql[:100] for sql in statements)
