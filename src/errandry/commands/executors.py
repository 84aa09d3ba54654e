"""The executors that other packages bring, as they are installed beside this Python."""

import copy
import json
import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from itertools import islice
from typing import Any, Final, Self

from errandry.commands import pointer
from errandry.commands.model import BUILT_IN
from errandry.commands.names import NAME_PATTERN
from errandry.commands.schema import MAX_FAULTS, Schema, check_schema
from errandry.errors import Fault, nearest
from errandry.plugin import EXECUTORS, Executor, Spec

_log = logging.getLogger(__name__)

_CAUGHT: Final = (Exception, SystemExit)
"""Whatever a package does when it is asked something, the server goes on."""


@dataclass(frozen=True, slots=True)
class Installed:
    """What one entry point names: an executor, or `why` it is of no use."""

    name: str
    package: str
    executor: Executor | None = None
    why: str | None = None


class Executors:
    """The executors of other packages by name; which there are is found out once."""

    def __init__(self, found: Iterable[Installed]) -> None:
        self.found: Sequence[Installed] = sorted(found, key=lambda each: (each.name, each.package))
        self._by_name = {each.name: each for each in self.found if each.name not in BUILT_IN}

    @classmethod
    def installed(cls) -> Self:
        """Load what the installed packages name; nothing is raised when that fails."""
        points = entry_points(group=EXECUTORS)
        counts = Counter(point.name for point in points)
        return cls(_load(point, is_only=counts[point.name] == 1) for point in points)

    def log_faults(self) -> None:
        """Log which cannot be used."""
        for each in self.found:
            if each.why:
                _log.warning("the executor %s of %s %s", each.name, each.package, each.why)

    def why_not(self, name: str) -> str | None:
        """Return why the executor of that name cannot be used, or None when it can."""
        found = self._find(name)
        return found if isinstance(found, str) else None

    def faults(self, name: str, spec: Spec) -> Iterator[Fault]:
        """Yield what is wrong with the fields of a command file for the executor of that name."""
        prefix = pointer.join("/run", name)
        executor = self._find(name)
        if isinstance(executor, str):
            yield Fault(prefix, executor, None if name in self._by_name else self._known())
            return
        if shape := Schema(dict(executor.schema)).faults(spec.fields, prefix):
            yield from shape
            return
        try:
            told = islice(executor.faults(copy.deepcopy(spec)), MAX_FAULTS)
            yield from [_fault(fault, prefix) for fault in told]
        except _CAUGHT as error:
            package = self._by_name[name].package
            _log.exception("the executor %s of %s cannot check a file", name, package)
            reason = f'the executor "{name}" of {package} cannot check this: {_said(error)}'
            yield Fault(prefix, reason)

    def _find(self, name: str) -> Executor | str:
        """Return the executor of that name, or why there is none."""
        if each := self._by_name.get(name):
            return each.executor or f'the executor "{name}" of {each.package} {each.why}'
        close = nearest(name, self._known(), 1)
        hint = f'; did you mean "{close[0]}"?' if close else ""
        return f'no installed package brings the executor "{name}"{hint}'

    def _known(self) -> list[str]:
        return sorted(BUILT_IN | {each.name for each in self.found if not each.why})


def _load(point: EntryPoint, *, is_only: bool) -> Installed:
    package = f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown package"
    if point.name in BUILT_IN:
        why = "has the name of a built-in one, which is used instead"
        return Installed(point.name, package, why=why)
    if not re.fullmatch(NAME_PATTERN, point.name):
        return Installed(point.name, package, why=f"has a name that does not match {NAME_PATTERN}")
    if not is_only:
        why = "has a name that another package uses as well; uninstall one of them"
        return Installed(point.name, package, why=why)
    try:
        return Installed(point.name, package, _made(point))
    except _CAUGHT as error:
        return Installed(point.name, package, why=f"cannot be loaded: {_said(error)}")


def _made(point: EntryPoint) -> Executor:
    """Return the executor that an entry point names.

    Raises:
        TypeError, ValueError: what it names is none, or its schema is none.
    """
    made = point.load()()
    if not isinstance(made, Executor):
        raise TypeError(f"{point.value} gives no errandry.plugin.Executor but {made!r:.60}")
    if faults := check_schema(dict(made.schema), "/schema"):
        raise ValueError(f"{faults[0].path}: {faults[0].message}")
    return made


def _fault(fault: Fault, prefix: str) -> Fault:
    """Return a fault of an executor with its place in the definition, and as it can be sent."""
    allowed: Any = json.loads(json.dumps(fault.allowed, allow_nan=False))
    return Fault(prefix + str(fault.path), str(fault.message), allowed)


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
