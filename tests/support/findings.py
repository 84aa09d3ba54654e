"""What the checks of `errandry doctor` find, short enough to compare."""

from collections.abc import Callable, Iterator

from errandry.cli.checks.finding import Finding, Ground


def look(check: Callable[[Ground], Iterator[Finding]], ground: Ground) -> dict[str, Finding]:
    """Return the findings by subject; each that is not ok must say what to do."""
    findings = list(check(ground))
    assert all(finding.next_step for finding in findings if finding.level != "ok")
    return {finding.check: finding for finding in findings}


def levels(found: dict[str, Finding]) -> dict[str, str]:
    """Return how it stands with each subject."""
    return {subject: finding.level for subject, finding in found.items()}
