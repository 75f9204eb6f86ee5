"""The bench runs and writes what it promises. Its times are reported, never gated; costs are gated as counts elsewhere."""

import asyncio
import json
import sys
from pathlib import Path

KEYS = {"name", "unit", "bare", "ours", "ratio", "load"}


async def test_the_bench_writes_a_number_for_each_pair(tmp_path: Path, own_state: dict[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wanderamt.shell", "bench", "run", "--quick", "--out", str(tmp_path)),
        *("--scene", "relay", "--scene", "inbox", "--scene", "emit", "--scene", "jobs", "--scene", "notices"),
        env=own_state,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 240)
    assert process.returncode == 0, output.decode(errors="replace")
    numbers = json.loads((tmp_path / "bench.json").read_text())
    assert len(numbers) == 10
    for number in numbers:
        assert number.keys() == KEYS
        assert number["ours"] > 0
        assert number["bare"] > 0
