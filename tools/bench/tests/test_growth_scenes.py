"""Quick run of the scenes that compare two systems side by side."""

from collections.abc import Awaitable, Callable


async def test_each_scene_of_two_systems_writes_its_figures(run_scenes: Callable[[str], Awaitable[None]]) -> None:
    await run_scenes("growth")
