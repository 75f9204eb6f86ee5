"""typst templates to PDF/A. Values travel as typst inputs, so a citizen's text can never become markup."""

import asyncio
from importlib.resources import as_file, files
from typing import Final

import typst

PDF_STANDARD: Final = "a-3b"


class Press:
    """Renders in a thread, at most `presses` at once: a page costs about 10 ms of one core."""

    def __init__(self, presses: int = 1) -> None:
        self._free = asyncio.Semaphore(presses)

    async def print_sheet(self, template: str, *, language: str, values: dict[str, str]) -> bytes:
        async with self._free:
            return await asyncio.to_thread(_compile, template, {"language": language, **values})


def _compile(template: str, values: dict[str, str]) -> bytes:
    with as_file(files("intake.paper") / "templates") as folder:
        pdf = typst.compile(folder / f"{template}.typ", sys_inputs=values, pdf_standards=[PDF_STANDARD])
    assert isinstance(pdf, bytes)  # noqa: S101 -- one output of kind pdf
    return pdf
