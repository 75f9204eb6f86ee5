"""The signed list of revoked documents, kept for a short time: many requests cause one database read.

Invariants: at most one reader renews the list at a time; the list is never older than `MAX_AGE`.
"""

import asyncio
from datetime import timedelta

from wanderamt.backbone.persistence.database import Database

from intake.domain.status_list import StatusList
from intake.handlers.documents import revoked_documents
from intake.signing.authority import Authority
from intake.signing.qr_seal import sign_status_list

MAX_AGE = timedelta(seconds=30)
MAX_AGE_FOR_NEW_DOCUMENT = timedelta(seconds=1)


class StatusListCache:
    def __init__(self, database: Database, authority: Authority) -> None:
        self._database = database
        self._authority = authority
        self._renewal = asyncio.Lock()
        self._cached: tuple[StatusList, bytes] | None = None

    async def get(self, status_index: int = 0) -> tuple[StatusList, bytes]:
        """The list and its signed form (CWT).

        A list that does not cover `status_index` yet is renewed at most once per second.
        """
        async with self._renewal:
            if not self._cached or self._is_stale(self._cached[0], status_index):
                async with self._database.unit_of_work() as uow:
                    status_list = await revoked_documents(uow)
                self._cached = status_list, await asyncio.to_thread(sign_status_list, status_list, self._authority)
            return self._cached

    def _is_stale(self, status_list: StatusList, status_index: int) -> bool:
        age = self._database.environment.clock() - status_list.as_of
        return age > (MAX_AGE if status_list.covers(status_index) else MAX_AGE_FOR_NEW_DOCUMENT)
