"""Logs of Weft's processes: to stderr, of this process and of the SDK's own threads alike.

The SDK would print its warnings on stdout, which belongs to results.
"""

from __future__ import annotations

import logging
import sys

from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

from weft_worker.storage.errors import PayloadMissing, PayloadNotStored


def open_runtime(level: str) -> Runtime:
    """The SDK's runtime of this process, with all logs of at least that level on stderr.

    `level` is debug, info, warning or error. Call once: each runtime has threads of its own.
    """
    python_level = level.upper()
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_shorten)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("temporalio")
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(python_level)
    core_level = {"WARNING": "WARN"}.get(python_level, python_level)
    filter_ = TelemetryFilter(core_level=core_level, other_level="ERROR")
    forwarding = LogForwardingConfig(logger=logging.getLogger("temporalio.core"), append_log_fields_to_message=False)
    return Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter=filter_, forwarding=forwarding)))


def _shorten(record: logging.LogRecord) -> bool:
    """Tells of payloads that are out of reach in one line: where the SDK stood is of no interest, and it tries again and
    again.
    """
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, PayloadMissing | PayloadNotStored):
        record.msg, record.args, record.exc_info, record.exc_text = str(error), (), None, None
    return True
