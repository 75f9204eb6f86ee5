"""Quick run of the scenes that measure messages to citizens through the whole system."""

from collections.abc import Awaitable, Callable


async def test_each_scene_of_messages_writes_its_figures(run_scenes: Callable[[str], Awaitable[None]]) -> None:
    await run_scenes("messages")
