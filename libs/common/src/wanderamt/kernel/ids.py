"""Typed ids, so that a signature never takes two plain UUIDs."""

from typing import NewType
from uuid import UUID

CaseId = NewType("CaseId", UUID)
DeviceId = NewType("DeviceId", UUID)
DocumentId = NewType("DocumentId", UUID)
EntryId = NewType("EntryId", UUID)
EventId = NewType("EventId", UUID)
JobId = NewType("JobId", UUID)
NoticeId = NewType("NoticeId", UUID)
RequestId = NewType("RequestId", UUID)
StandId = NewType("StandId", UUID)
