"""Log lines: one JSON object per line on standard error, from our code and from libraries.

Invariants: a line that is written while a message or a request is handled carries its trace_id and span_id; a line
holds ids, never names or payloads.
"""

import logging
import sys
import time
from collections.abc import Callable, MutableMapping, Sequence
from typing import Any

import structlog
from opentelemetry import trace
from opentelemetry._logs import Logger, LogRecord, SeverityNumber
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, get_value
from pydantic_core import to_json

Fields = MutableMapping[str, Any]
Processor = Callable[[Any, str, Fields], Any]

SEVERITIES = {
    "debug": SeverityNumber.DEBUG,
    "info": SeverityNumber.INFO,
    "warning": SeverityNumber.WARN,
    "error": SeverityNumber.ERROR,
    "critical": SeverityNumber.FATAL,
}
NOT_ATTRIBUTES = frozenset({"event", "level", "timestamp", "trace_id", "span_id"})  # the record has fields for them


def start_logs(level: str, *, otlp: Logger | None = None) -> None:
    """`level`: of our own lines; libraries write from `warning` on. `otlp`: also takes each line."""
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_trace,
        structlog.processors.format_exc_info,
    ]
    if otlp:
        shared.append(OtlpLines(otlp))
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    _take_lines_of_libraries(shared, max(number, logging.WARNING))


def add_trace(_: Any, __: str, fields: Fields) -> Fields:
    """Adds the ids of the current span, whether or not it is recorded."""
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        fields["trace_id"] = f"{span.trace_id:032x}"
        fields["span_id"] = f"{span.span_id:016x}"
    return fields


def render(_: Any, __: str, fields: Fields) -> bytes:
    return to_json(fields, serialize_unknown=True, inf_nan_mode="null")


class OtlpLines:
    """Passes each line to OpenTelemetry, too, except those of a running export: it would export its own failures."""

    def __init__(self, logger: Logger) -> None:
        self._logger = logger

    def __call__(self, _: Any, __: str, fields: Fields) -> Fields:
        if not get_value(_SUPPRESS_INSTRUMENTATION_KEY):
            event, level = str(fields["event"]), fields["level"]
            self._logger.emit(
                LogRecord(
                    timestamp=time.time_ns(),
                    severity_text=level,
                    severity_number=SEVERITIES.get(level, SeverityNumber.UNSPECIFIED),
                    body=event,
                    attributes={name: _plain(value) for name, value in fields.items() if name not in NOT_ATTRIBUTES},
                    event_name=None if "logger" in fields else event,
                )
            )
        return fields


def _plain(value: object) -> str | bool | int | float:
    return value if isinstance(value, str | bool | int | float) else str(value)


def _take_lines_of_libraries(shared: Sequence[Processor], level: int) -> None:
    def render_text(logger: Any, name: str, fields: Fields) -> str:
        return render(logger, name, fields).decode()

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render_text],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
