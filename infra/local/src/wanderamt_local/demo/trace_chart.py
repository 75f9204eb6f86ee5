"""Draws the spans of one trace as SVG: one bar per span, one colour per service, time to the right."""

import json
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

COLOURS = {
    "field-app": "#8a6d3b",
    "intake": "#1f6feb",
    "registry-bridge": "#b35900",
    "notifications": "#1a7f37",
    "scheduling": "#6e40c9",
}
ROW, LEFT, WIDTH, TOP = 22, 380, 900, 64


def read_spans(folder: Path, trace_id: str) -> list[dict[str, Any]]:
    """All spans of a trace, parents before children, siblings by start."""
    spans = [
        span
        for path in sorted(folder.glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if (span := json.loads(line))["trace_id"] == trace_id
    ]
    children: dict[str | None, list[dict[str, Any]]] = {}
    known = {span["span_id"] for span in spans}
    for span in sorted(spans, key=lambda span: span["start_ns"]):
        children.setdefault(span["parent_id"] if span["parent_id"] in known else None, []).append(span)
    ordered: list[dict[str, Any]] = []

    def append_children(parent: str | None, depth: int) -> None:
        for span in children.get(parent, []):
            ordered.append({**span, "depth": depth})
            append_children(span["span_id"], depth + 1)

    append_children(None, 0)
    return ordered


def draw_trace(spans: list[dict[str, Any]], title: str) -> str:
    """An SVG document."""
    start = min(span["start_ns"] for span in spans)
    total = max(span["end_ns"] for span in spans) - start or 1
    height = TOP + ROW * len(spans) + 20
    rows = "\n".join(_row(span, index, start, total) for index, span in enumerate(spans))
    legend = "".join(
        f'<rect x="{12 + 150 * i}" y="34" width="12" height="12" fill="{colour}"/>'
        f'<text x="{30 + 150 * i}" y="44">{escape(name)}</text>'
        for i, (name, colour) in enumerate(COLOURS.items())
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 100}" height="{height}" '
        f'font-family="system-ui, sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
        f'<text x="12" y="22" font-size="15" font-weight="bold">{escape(title)}, {total / 1e9:.2f} s</text>'
        f"{legend}\n{rows}\n</svg>\n"
    )


def _row(span: dict[str, Any], index: int, start: int, total: int) -> str:
    y = TOP + ROW * index
    x = LEFT + WIDTH * (span["start_ns"] - start) / total
    width = max(2.0, WIDTH * (span["end_ns"] - span["start_ns"]) / total)
    label = f"{'· ' * span['depth']}{span['name']}"[:58]
    milliseconds = (span["end_ns"] - span["start_ns"]) / 1e6
    return (
        f'<rect x="0" y="{y}" width="100%" height="{ROW}" fill="{"#f6f8fa" if index % 2 else "white"}"/>'
        f'<text x="12" y="{y + 15}">{escape(label)}</text>'
        f'<rect x="{x:.1f}" y="{y + 4}" width="{width:.1f}" height="{ROW - 8}" rx="2" '
        f'fill="{COLOURS.get(span["service"], "#57606a")}"><title>{escape(span["service"])}</title></rect>'
        f'<text x="{min(x + width + 4, LEFT + WIDTH + 30):.1f}" y="{y + 15}" fill="#555">{milliseconds:.1f} ms</text>'
    )
