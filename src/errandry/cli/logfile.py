"""How the server writes its log: one line an event, on stderr."""

import json
import logging
from typing import Any, Final

_PLAIN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class OneLine(logging.Formatter):
    """`time LEVEL message key="value"`; values are quoted as JSON, so none can fake a line."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Write a record and the fields that came with it."""
        fields: dict[str, Any] = {
            name: value for name, value in vars(record).items() if name not in _PLAIN
        }
        line = super().format(record).replace("\r", "\\r")
        words = "".join(
            f" {name}={json.dumps(value, default=str)}" for name, value in fields.items()
        )
        return line + words


def set_up(level: str) -> None:
    """Send the log to stderr. The libraries below us only speak up when something is wrong."""
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("errandry").setLevel(level.upper())
