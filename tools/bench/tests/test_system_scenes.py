"""Quick run of the scenes that measure the whole system."""

from collections.abc import Awaitable, Callable


async def test_each_scene_of_the_system_writes_its_figures(run_scenes: Callable[[str], Awaitable[None]]) -> None:
    await run_scenes("system")
