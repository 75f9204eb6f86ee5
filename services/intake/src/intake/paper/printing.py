"""The process behind the press: typst to PDF/A, with stamp, QR code and what is printed as data, then the signature.

Values travel as typst inputs, so a citizen's text can never become markup.
"""

import json
from contextlib import ExitStack
from importlib.resources import as_file, files
from typing import Final

import typst
from pydantic import SecretStr

from intake.domain.proof import Claims, content_hash
from intake.paper.press import PAGE, Page
from intake.paper.worker import serve
from intake.proof.authority import Authority
from intake.proof.code import draw
from intake.proof.signature import Pen
from intake.proof.stamp import stamp

PDF_STANDARD: Final = "a-3b"


class Printer:
    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._pen = Pen(authority)
        self._compilers: dict[str, typst.Compiler] = {}
        self._open = ExitStack()  # templates of a zipped package stay unpacked as long as the process lives
        self._folder = self._open.enter_context(as_file(files("intake.paper") / "templates"))

    def __call__(self, line: bytes) -> bytes:
        page = PAGE.validate_json(line)
        return self._pen.sign(self._compile(page, self._inputs(page)))

    def _inputs(self, page: Page) -> dict[str, str]:
        claims = Claims(
            authority=self._authority.code,
            number=page.number,
            holder=page.holder,
            content=content_hash(page.printed),
            status_index=page.status_index,
            issued_at=page.issued_at,
            valid_until=page.valid_until,
        )
        text = stamp(claims, self._authority)
        return {
            **page.printed,
            "language": page.language,
            "authority": self._authority.trust.name,
            "number": page.number,
            "day": page.issued_on.isoformat(),
            "stamp": text,
            "code": draw(text),
            "content": json.dumps(dict(page.printed), ensure_ascii=False, sort_keys=True),
        }

    def _compile(self, page: Page, inputs: dict[str, str]) -> bytes:
        if page.template not in self._compilers:
            self._compilers[page.template] = typst.Compiler(self._folder / f"{page.template}.typ")
        compiler = self._compilers[page.template]
        pdf = compiler.compile(format="pdf", sys_inputs=inputs, pdf_standards=[PDF_STANDARD])
        assert isinstance(pdf, bytes)  # noqa: S101 -- one output of kind pdf
        return pdf


def begin(line: bytes) -> Printer:
    keys = json.loads(line)
    return Printer(Authority.read(keys["code"], SecretStr(keys["key"]), keys["certificate"]))


if __name__ == "__main__":
    serve(begin)
