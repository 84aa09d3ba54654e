"""The executors of other packages that are installed beside this program."""

from collections.abc import Iterator

from errandry.cli.checks.finding import Finding, Ground
from errandry.commands.executors import Executors


def check(_: Ground) -> Iterator[Finding]:
    """Load each, as a server does when it starts."""
    found = Executors.installed().found
    if not found:
        yield Finding("ok", "executors", "none of other packages")
    for each in found:
        if each.why:
            says = f"{each.name} of {each.package} {each.why}"
            step = f"Correct or uninstall {each.package}, and restart the server."
            yield Finding("fail", "executors", says, step)
        else:
            yield Finding("ok", "executors", f"{each.name} of {each.package}")
