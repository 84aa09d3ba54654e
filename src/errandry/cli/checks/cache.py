"""Redis, when there is to be one. Nothing fails without it."""

from collections.abc import Iterator

from errandry.cli.checks.finding import Finding, Ground


def check(ground: Ground) -> Iterator[Finding]:
    """Look whether it answers."""
    if ground.settings.redis is None:
        return
    from errandry.status.redis.client import why_unreachable  # noqa: PLC0415 - few have one

    if why_not := why_unreachable(ground.settings.redis):
        yield Finding(
            "warn",
            "redis",
            f"does not answer, so statuses come from the database: {why_not}",
            "Start it, mend ERRANDRY_REDIS_URL, or unset it.",
        )
    else:
        yield Finding("ok", "redis", "answers")
