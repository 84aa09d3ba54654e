"""Reading logs of tasks: every mode over real chunks, within the budget."""

from collections.abc import AsyncGenerator

import pytest

from errandry.errors import InvalidField
from errandry.execution.capture import Capture
from errandry.principal import Principal
from errandry.service.forms import CreateTask, ReadLog
from errandry.service.services import Services
from errandry.tasks.logview import LogPage, LogStream
from errandry.tasks.retry import Ending, RetryPolicy
from errandry.tasks.sql import logs, reports
from errandry.tasks.sql.claims import Claim
from errandry.tasks.sql.database import Database
from errandry.tasks.sql.reports import Report
from support.work import claim_one, finish


class Writer:
    """Writes the log of the one attempt that runs."""

    def __init__(
        self, services: Services, who: Principal, database: Database, claim: Claim
    ) -> None:
        self.services, self.who, self.database, self.claim = services, who, database, claim
        self.capture = Capture(1024 * 1024, lambda _: None)

    async def write(self, stdout: str = "", stderr: str = "") -> None:
        self.capture.feed("stdout", stdout.encode())
        self.capture.feed("stderr", stderr.encode())
        batch = self.capture.take()
        report = Report(self.claim.task_id, self.claim.attempt, None, None, batch)
        await reports.report(self.database, [report])

    async def read(self, **query: object) -> LogPage:
        wanted = ReadLog.model_validate(query)
        return await self.services.logs.read(self.who, self.claim.task_id, wanted)


@pytest.fixture
async def log(services: Services, alice: Principal, database: Database) -> Writer:
    await services.intake.create(alice, CreateTask(command="echo", execute=True))
    return Writer(services, alice, database, await claim_one(database))


@pytest.fixture
async def thousand(log: Writer) -> Writer:
    """1,000 different lines in many chunks; number 500 tells of an error."""
    for start in range(1, 1001, 50):
        lines = [
            f"line {n}" + (" ERROR needle" if n == 500 else "") for n in range(start, start + 50)
        ]
        await log.write("\n".join(lines) + "\n")
    return log


async def test_the_tail_is_the_default(thousand: Writer) -> None:
    page = await thousand.read()
    lines = page.text.splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("line 901", "line 1000", 100)
    assert (page.from_line, page.to_line, page.total_lines, page.omitted_lines) == (
        901,
        1000,
        1000,
        900,
    )
    assert page.omitted_bytes + len(page.text) == page.total_bytes
    assert (page.lost_bytes, page.attempt, page.final) == (0, 1, False)


async def test_head_and_since_go_through_the_log_without_gap_or_double(thousand: Writer) -> None:
    page = await thousand.read(mode="head", lines=7)
    lines = page.text.splitlines()
    while page.text:
        page = await thousand.read(mode="since", cursor=page.cursor, lines=77)
        lines += page.text.splitlines()
    assert len(lines) == 1000
    assert lines[0] == "line 1"
    assert len(set(lines)) == 1000


async def test_since_shows_what_came_after_the_tail(log: Writer) -> None:
    await log.write("old\n")
    page = await log.read()
    assert (await log.read(mode="since", cursor=page.cursor)).text == ""
    await log.write("new\n")
    assert (await log.read(mode="since", cursor=page.cursor)).text == "new\n"
    assert (await log.read(mode="since")).text == "old\nnew\n"


async def test_grep_shows_matches_with_context_and_marks_gaps(thousand: Writer) -> None:
    page = await thousand.read(mode="grep", pattern="^line (10|500|502)( |$)", context=1)
    assert page.text.splitlines() == [
        "line 9",
        "line 10",
        "line 11",
        "--",
        "line 499",
        "line 500 ERROR needle",
        "line 501",
        "line 502",
        "line 503",
    ]
    assert (page.from_line, page.to_line) == (9, 503)


async def test_grep_goes_on_from_its_cursor(thousand: Writer) -> None:
    first = await thousand.read(mode="grep", pattern="line 77[0-9]$", context=0, lines=4)
    rest = await thousand.read(mode="grep", pattern="line 77[0-9]$", context=0, cursor=first.cursor)
    assert len(first.text.splitlines()) == 4
    assert [*first.text.splitlines(), *rest.text.splitlines()] == [
        f"line {n}" for n in range(770, 780)
    ]


async def test_around_error_shows_the_first_error_with_its_surroundings(thousand: Writer) -> None:
    page = await thousand.read(mode="around_error", lines=5)
    assert page.text.splitlines() == [
        "line 498",
        "line 499",
        "line 500 ERROR needle",
        "line 501",
        "line 502",
    ]


async def test_without_an_error_around_error_is_the_tail(log: Writer) -> None:
    await log.write("fine\nstill fine\n")
    assert (await log.read(mode="around_error", lines=1)).text == "still fine\n"


async def test_an_error_at_the_very_end_is_shown_with_what_came_before(log: Writer) -> None:
    await log.write("a\nb\nc\nfatal: d\n")
    assert (await log.read(mode="around_error", lines=3)).text == "b\nc\nfatal: d\n"


@pytest.mark.parametrize("mode", ["tail", "head", "since", "grep", "around_error"])
@pytest.mark.parametrize("max_bytes", [16, 100, 500])
async def test_no_mode_exceeds_the_budget(thousand: Writer, mode: str, max_bytes: int) -> None:
    page = await thousand.read(mode=mode, lines=1000, max_bytes=max_bytes, pattern="line")
    assert 0 < len(page.text.encode()) <= max_bytes
    if mode == "around_error" and max_bytes > 16:
        assert "ERROR needle" in page.text


@pytest.mark.parametrize(
    ("stream", "text"),
    [("stdout", "out 1\nout 2\n"), ("stderr", "err 1\n"), ("both", "out 1\nerr 1\nout 2\n")],
)
async def test_streams_can_be_read_apart(log: Writer, stream: LogStream, text: str) -> None:
    await log.write("out 1\n", "err 1\n")
    await log.write("out 2\n")
    page = await log.read(stream=stream)
    assert page.text == text
    assert page.total_lines == len(text.splitlines())
    raw = await log.services.logs.raw(log.who, log.claim.task_id, None, stream)
    assert b"".join([data async for data in raw]) == text.encode()


async def test_folding_and_escapes_follow_the_query(log: Writer) -> None:
    await log.write("\x1b[31msame\x1b[0m\n" * 60)
    folded = await log.read()
    assert (folded.text, folded.folded_lines) == ("same\n[the line above 59 times more]\n", 59)
    plain = await log.read(fold=False, ansi="keep", lines=2)
    assert plain.text == "\x1b[31msame\x1b[0m\n" * 2


async def test_each_attempt_has_its_own_log(log: Writer) -> None:
    await log.write("first\n")
    again = RetryPolicy(max_attempts=2, base_s=1e-6, cap_s=1e-6, on_crash="retry")
    await finish(log.database, log.claim, Ending("lost"), again)
    log.claim = await claim_one(log.database)
    log.capture = Capture(1024, lambda _: None)
    assert (await log.read()).text == ""
    await log.write("second\n")
    assert (await log.read()).text == "second\n"
    assert (await log.read(attempt=1)).text == "first\n"
    with pytest.raises(InvalidField, match="2 attempts"):
        await log.read(attempt=3)


async def test_what_the_cap_dropped_is_counted(log: Writer) -> None:
    log.capture = Capture(64 * 1024, lambda _: None)
    for number in range(40):
        await log.write(f"{number:02d} {'x' * 9_996}\n")
    page = await log.read(lines=1, max_bytes=100)
    assert (page.total_lines, page.total_bytes) == (40, 400_000)
    assert 250_000 < page.lost_bytes < 400_000
    head = await log.read(mode="head", lines=1, max_bytes=100)
    assert head.text.startswith("00 ")
    assert (await log.read(mode="since", lines=40, max_bytes=1_000_000)).to_line == 40


async def test_a_task_that_never_ran_has_an_empty_log(services: Services, alice: Principal) -> None:
    task = (await services.intake.create(alice, CreateTask(command="echo"))).task
    page = await services.logs.read(alice, task.id, ReadLog())
    assert (page.text, page.total_lines, page.from_line, page.attempt) == ("", 0, None, 0)


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"mode": "grep"}, "?pattern"),
        ({"mode": "grep", "pattern": "("}, "?pattern"),
        ({"mode": "grep", "pattern": "(?=look)"}, "?pattern"),
        ({"mode": "since", "cursor": "rubbish"}, "?cursor"),
    ],
)
async def test_a_query_that_makes_no_sense_is_refused(
    log: Writer, query: dict[str, object], path: str
) -> None:
    with pytest.raises(InvalidField) as refused:
        await log.read(**query)
    assert [fault.path for fault in refused.value.faults] == [path]


async def test_a_cursor_of_another_stream_is_refused(log: Writer) -> None:
    await log.write("a\n")
    cursor = (await log.read(stream="stdout")).cursor
    with pytest.raises(InvalidField, match="stream stdout"):
        await log.read(mode="since", cursor=cursor)


async def test_a_hostile_pattern_does_not_hang(log: Writer) -> None:
    """RE2 runs in time linear in the text; a backtracking engine would take years here."""
    await log.write("a" * 5_000 + "!\n")
    assert (await log.read(mode="grep", pattern="^(a+)+$", max_bytes=16)).text == ""


async def test_chunks_are_read_a_few_at_a_time(log: Writer) -> None:
    for number in range(40):
        await log.write(f"{number}\n")
    stream: AsyncGenerator[logs.Chunk] = logs.chunks(
        log.database, log.claim.task_id, 1, None, from_line=20
    )
    assert [chunk.data async for chunk in stream] == [f"{n}\n".encode() for n in range(20, 40)]
