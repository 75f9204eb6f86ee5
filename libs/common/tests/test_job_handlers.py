"""A job handler that cannot work is refused where it is declared, with what to do."""

from typing import Any, ClassVar

import pytest
from wanderamt.backbone.jobs.handler import InvalidJobHandlerError, JobHandler
from wanderamt.kernel.decision import Job


class NumberedJob(Job):
    QUEUE: ClassVar[str] = "numbered"
    KEY: ClassVar[str] = "number"
    DEADLINE_S: ClassVar[int] = 60

    number: int


class JobWithoutQueue(Job):
    KEY: ClassVar[str] = "number"
    DEADLINE_S: ClassVar[int] = 60

    number: int


class JobWithWrongKey(NumberedJob):
    KEY: ClassVar[str] = "numbr"


class JobWithoutDeadline(NumberedJob):
    DEADLINE_S: ClassVar[int] = 0


async def steps_take_lists(jobs: object, uow: object) -> list[None]:
    return []


async def takes_one_job(job: object, attempt: object, uow: object) -> None: ...


async def takes_task(task: object) -> None: ...


def blocks(task: object) -> None: ...


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"job": JobWithoutQueue}, "the job has no QUEUE"),
        ({"job": JobWithWrongKey}, "KEY must name a field of the job, not 'numbr'"),
        ({"job": JobWithoutDeadline}, "the job has no DEADLINE_S"),
        ({"execute": blocks}, "execute would block all other work"),
        ({"prepare": takes_one_job}, "prepare_each makes it of a function that takes one job"),
        ({"complete": takes_one_job}, "complete_each makes it of a function that takes one job"),
    ],
)
def test_a_job_handler_that_cannot_work_is_refused(changed: dict[str, Any], complaint: str) -> None:
    steps: dict[str, Any] = {"prepare": steps_take_lists, "execute": takes_task, "complete": steps_take_lists}
    with pytest.raises(InvalidJobHandlerError, match=rf"job handler of \w*Job\w*: .*{complaint}"):
        JobHandler(**{"job": NumberedJob, **steps} | changed)
