"""The demo, short, with a service killed in the middle: its numbers must still add up."""

import asyncio
import json
import sys
from pathlib import Path


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
    output, _ = await asyncio.wait_for(process.communicate(), 240)
    assert process.returncode == 0, output.decode(errors="replace")
    numbers = json.loads((tmp_path / "demo.json").read_text())
    assert numbers["cases"] == 40
    assert numbers["finished_on_the_spot"] + numbers["needs_visit"] == 40
    assert (numbers["lost"], numbers["duplicate_effects"], numbers["provisional"]) == (0, 0, 0)
    assert numbers["notices_sent"] == numbers["sms_received"] + numbers["mails_received"] > 0
    assert (numbers["captured_offline"], numbers["restarts"]) == (6, 1)
    folder = tmp_path / "demo"
    assert len(list((folder / "documents").glob("*.pdf"))) == numbers["documents"] > 0
    assert len(list((folder / "mails").glob("*.eml"))) == numbers["mails_received"]
    trace = json.loads((folder / "trace.json").read_text())
    assert {span["trace_id"] for span in trace["spans"]} == {trace["trace_id"]}
    assert {"intake", "registry-bridge", "notifications"} <= {span["service"] for span in trace["spans"]}
    assert len(trace["spans"]) >= 8
    assert (folder / "trace.svg").read_text().startswith("<svg")
