"""Quick run of the scene that compares young and old databases."""

from collections.abc import Awaitable, Callable


async def test_the_scene_of_growth_writes_its_figures(run_scenes: Callable[[str], Awaitable[None]]) -> None:
    await run_scenes("growth")
