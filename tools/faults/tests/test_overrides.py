"""Crash points and mutants override methods of the backbone: a method that no longer exists there makes them void."""

import asyncio
import importlib.util
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import ClassVar
from uuid import UUID

from faults_fixtures import MessagingPipeline
from wanderamt.backbone.jobs.handler import JobHandler, complete_each, prepare_each
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.decision import Attempt, Job
from wanderamt_faults import crash_points, system_under_test
from wanderamt_faults.crash_points import POINTS, CrashPointInbox, CrashPointJobRunner, CrashPointRelay
from wanderamt_local.system import System

ADDED_TO_SYSTEM = {
    *("prepare", "replica_spec", "armed_file", "crash_log", "sync_url", "rewind", "leader", "broker_names"),
    *("_advertise", "_add_route", "brokers", "routes"),
}


class ReachedJob(Job):
    QUEUE: ClassVar[str] = "reached"
    KEY: ClassVar[str] = "subject"
    DEADLINE_S: ClassVar[int] = 60

    subject: UUID


def _mutants() -> ModuleType:
    spec = importlib.util.spec_from_file_location("faults_mutants", Path(__file__).with_name("test_mutants.py"))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _new_methods(class_: type) -> Iterator[str]:
    """Methods of a class that override nothing."""
    for name, value in vars(class_).items():
        generated = name.startswith("__") and name != "__post_init__"
        if inspect.isfunction(value) and not generated and not any(hasattr(base, name) for base in class_.__bases__):
            yield name


def test_every_method_of_a_crash_point_or_mutant_overrides_one_of_the_backbone() -> None:
    mutants = _mutants()
    classes = [
        class_
        for module in (crash_points, mutants)
        for class_ in vars(module).values()
        if inspect.isclass(class_) and class_.__module__ == module.__name__ and not issubclass(class_, Job)
    ]
    classes.append(mutants.inbox_with(mutants.IgnoresEventIds))
    assert len(classes) > 12
    assert {f"{class_.__name__}.{name}" for class_ in classes for name in _new_methods(class_)} == set()


def test_a_mutant_that_overrides_nothing_is_found() -> None:
    class RenamedBase(CrashPointRelay):
        async def _publish_rows(self) -> None:
            return None

    assert list(_new_methods(RenamedBase)) == ["_publish_rows"]


def test_the_system_under_test_adds_only_these_names_to_the_system() -> None:
    class_ = system_under_test.SystemUnderTest
    own = {name for name in vars(class_) | class_.__annotations__ if not name.startswith("__")}
    known = set(dir(System)) | System.__dataclass_fields__.keys()
    assert own - known == ADDED_TO_SYSTEM


async def test_a_running_pipeline_reaches_every_crash_point(pipeline: MessagingPipeline, stands: list[UUID]) -> None:
    reached: list[str] = []
    done = asyncio.Event()

    async def prepare(job: ReachedJob, _: Attempt, __: UnitOfWork) -> ReachedJob:
        return job

    async def execute(job: ReachedJob) -> ReachedJob:
        return job

    async def complete(*_: object) -> None:
        done.set()

    relay, inbox = pipeline.relay(CrashPointRelay), pipeline.inbox(CrashPointInbox)
    runner = CrashPointJobRunner(
        pipeline.database, [JobHandler(ReachedJob, prepare_each(prepare), execute, complete_each(complete))]
    )
    components = (relay, inbox, runner)
    await pipeline.publish(stands, versions=range(1, 2))
    async with pipeline.database.unit_of_work() as uow:
        uow.enqueue(ReachedJob(subject=stands[0]))
    for component in components:
        component.reach = reached.append
        await component.start()
    await pipeline.wait_for_effects(len(stands))
    await done.wait()
    for component in components:
        await component.stop()
    assert set(reached) == {point for points in POINTS.values() for point in points}
