"""Quick run of the scenes of messaging, jobs and single services."""

from collections.abc import Awaitable, Callable

from wanderamt_bench.cli import SCENES


async def test_each_scene_of_messaging_writes_its_figures(run_scenes: Callable[[str], Awaitable[None]]) -> None:
    await run_scenes("messaging")


def test_every_scene_has_a_quick_run(tested_scenes: set[str]) -> None:
    assert tested_scenes == set(SCENES)
