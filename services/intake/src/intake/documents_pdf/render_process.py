"""The worker process of the PDF renderer: compiles a typst template to PDF/A with seal and QR code, then signs it.

Values reach typst as inputs, never as source, so a citizen's text cannot become markup.
"""

import base64
import io
import json
from contextlib import ExitStack
from importlib.resources import as_file, files
from typing import Any, Final

import typst
from PIL import Image, ImageOps
from pydantic import SecretStr
from service_catalogue.authority import VERIFY_AT, Letterhead
from service_catalogue.paper_texts import paper_texts
from wanderamt.kernel.line_text import as_printable

from intake.documents_pdf.pdf_renderer import LETTERHEAD, RENDER_TASK, RenderTask
from intake.documents_pdf.worker_process import run_worker
from intake.domain.document_status import KIND_MAX_BYTES, MAIN_MAX_BYTES, Claims, shorten
from intake.signing.authority import Authority
from intake.signing.pdf_signer import PdfSigner
from intake.signing.qr_code import to_svg, width_of
from intake.signing.qr_seal import create_seal

PDF_STANDARD: Final = "a-3b"
MODULE_MM: Final = 0.34  # of a QR code: 2.7 dots of a scan with 200 dots per inch
MIN_CODE_MM: Final = 34
PHOTO_SIZE: Final = (413, 531)  # pixels: 35 mm x 45 mm at 300 dots per inch
PHOTO_FORMATS: Final = ("JPEG", "PNG", "WEBP")


class RenderWorker:
    def __init__(self, authority: Authority, letterhead: Letterhead) -> None:
        self._authority = authority
        self._letterhead = letterhead
        self._signer = PdfSigner(authority)
        self._compilers: dict[str, typst.Compiler] = {}
        self._open = ExitStack()  # keeps templates of a zipped package unpacked until the process ends
        self._folder = self._open.enter_context(as_file(files("intake.documents_pdf") / "templates"))

    def __call__(self, line: bytes) -> bytes:
        task = RENDER_TASK.validate_json(line)
        return self._signer.sign(self._compile(task, self._inputs(task)))

    def _inputs(self, task: RenderTask) -> dict[str, str]:
        content = task.content
        claims = Claims(
            authority=self._authority.code,
            number=content.number,
            holder=task.holder,
            content=content.sha256,
            status_index=task.status_index,
            issued_at=task.issued_at,
            valid_until=task.valid_until,
            kind=shorten(content.title, KIND_MAX_BYTES),
            main=shorten(content.main, MAIN_MAX_BYTES),
        )
        seal = create_seal(claims, self._authority)
        code = to_svg(seal)
        page = {
            "language": task.language,
            "content": content.to_json(),
            "day": task.issued_on.isoformat(),
            "authority": _in_language(self._letterhead, task.language),
            "texts": dict(paper_texts(task.language)),
            "code_mm": max(MIN_CODE_MM, round(width_of(code) * MODULE_MM)),
        }
        return {
            "page": json.dumps(page, ensure_ascii=False),
            "content": json.dumps(page["content"], ensure_ascii=False, sort_keys=True),
            "stamp": seal,
            "code": code,
            "arms": self._letterhead.arms,
            "mark": self._letterhead.mark,
            "photo": _photo_svg(task.photo) if task.photo else "",
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


def _in_language(letterhead: Letterhead, language: str) -> dict[str, Any]:
    """The head of the paper, in one language."""
    profile = letterhead.profile
    texts = {name: getattr(profile, name).in_language(language) for name in ("name", "department", "head")}
    notice = profile.signature_notice.in_language(language).replace(VERIFY_AT, profile.verify_at)
    return profile.model_dump(mode="json") | texts | {"notice": as_printable(notice)}


def _photo_svg(photo: bytes) -> str:
    """Cut to the size of the photo box and encoded again, without what a camera writes beside the picture."""
    with Image.open(io.BytesIO(photo), formats=PHOTO_FORMATS) as picture:
        upright = ImageOps.exif_transpose(picture).convert("RGB")
    encoded = io.BytesIO()
    ImageOps.fit(upright, PHOTO_SIZE).save(encoded, "JPEG", quality=88)
    width, height = PHOTO_SIZE
    data = base64.b64encode(encoded.getvalue()).decode()
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f'<image width="{width}" height="{height}" href="data:image/jpeg;base64,{data}"/></svg>'
    )


def create_handler(line: bytes) -> RenderWorker:
    setup = json.loads(line)
    authority = Authority.load(setup["code"], SecretStr(setup["key"]), setup["certificate"])
    return RenderWorker(authority, LETTERHEAD.validate_python(setup["letterhead"]))


if __name__ == "__main__":
    run_worker(create_handler)
