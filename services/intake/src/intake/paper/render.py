"""typst templates to PDF/A. Values travel as typst inputs, so a citizen's text can never become markup."""

import asyncio
from contextlib import ExitStack
from importlib.resources import as_file, files
from typing import Final

import typst

PDF_STANDARD: Final = "a-3b"


class Press:
    """Renders in a thread, one sheet at a time: a page costs some 4 ms of one core once the fonts are read."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(1)  # a compiler is not made for two threads
        self._compilers: dict[str, typst.Compiler] = {}
        self._open = ExitStack()  # templates of a zipped package stay unpacked as long as the press lives
        self._folder = self._open.enter_context(as_file(files("intake.paper") / "templates"))

    async def print_sheet(self, template: str, *, language: str, values: dict[str, str]) -> bytes:
        async with self._free:
            return await asyncio.to_thread(self._compile, template, {"language": language, **values})

    def _compile(self, template: str, values: dict[str, str]) -> bytes:
        if template not in self._compilers:
            self._compilers[template] = typst.Compiler(self._folder / f"{template}.typ")
        compiler = self._compilers[template]
        pdf = compiler.compile(format="pdf", sys_inputs=values, pdf_standards=[PDF_STANDARD])
        assert isinstance(pdf, bytes)  # noqa: S101 -- one output of kind pdf
        return pdf
