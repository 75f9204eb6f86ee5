"""The worker process of the PDF renderer: compiles a typst template to PDF/A with seal and QR code, then signs it.

Values reach typst as inputs, never as source, so a citizen's text cannot become markup.
"""

import json
from contextlib import ExitStack
from importlib.resources import as_file, files
from typing import Final

import typst
from pydantic import SecretStr
from wanderamt.kernel.line_text import as_printable

from intake.documents_pdf.pdf_renderer import RENDER_TASK, RenderTask
from intake.documents_pdf.worker_process import run_worker
from intake.domain.document_status import Claims, content_hash
from intake.signing.authority import Authority
from intake.signing.pdf_signer import PdfSigner
from intake.signing.qr_code import to_svg
from intake.signing.qr_seal import create_seal

PDF_STANDARD: Final = "a-3b"


class RenderWorker:
    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._signer = PdfSigner(authority)
        self._compilers: dict[str, typst.Compiler] = {}
        self._open = ExitStack()  # keeps templates of a zipped package unpacked until the process ends
        self._folder = self._open.enter_context(as_file(files("intake.documents_pdf") / "templates"))

    def __call__(self, line: bytes) -> bytes:
        task = RENDER_TASK.validate_json(line)
        return self._signer.sign(self._compile(task, self._inputs(task)))

    def _inputs(self, task: RenderTask) -> dict[str, str]:
        claims = Claims(
            authority=self._authority.code,
            number=task.number,
            holder=task.holder,
            content=content_hash(task.fields),
            status_index=task.status_index,
            issued_at=task.issued_at,
            valid_until=task.valid_until,
        )
        seal = create_seal(claims, self._authority)
        return {
            **task.fields,
            "language": task.language,
            "authority": as_printable(self._authority.certificate.name),
            "number": task.number,
            "day": task.issued_on.isoformat(),
            "stamp": seal,
            "code": to_svg(seal),
            "content": json.dumps(dict(task.fields), ensure_ascii=False, sort_keys=True),
        }

    def _compile(self, task: RenderTask, inputs: dict[str, str]) -> bytes:
        if task.template not in self._compilers:
            template = self._folder / f"{task.template}.typ"
            # with the fonts of typst alone: what a document can show must not depend on the machine
            self._compilers[task.template] = typst.Compiler(template, ignore_system_fonts=True)
        compiler = self._compilers[task.template]
        pdf = compiler.compile(format="pdf", sys_inputs=inputs, pdf_standards=[PDF_STANDARD])
        assert isinstance(pdf, bytes)  # noqa: S101 -- one output of format pdf
        return pdf


def create_handler(line: bytes) -> RenderWorker:
    keys = json.loads(line)
    return RenderWorker(Authority.load(keys["code"], SecretStr(keys["key"]), keys["certificate"]))


if __name__ == "__main__":
    run_worker(create_handler)
