"""Output becomes chunks of whole lines, within a cap, with nothing uncounted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errandry.execution.capture import MAX_LINE, TAIL_BYTES, Capture
from errandry.tasks.sql.logs import Chunk, Stream

BIG = 16 * 1024 * 1024


class Stored:
    """What a log table would hold after all batches."""

    def __init__(self, limit: int = BIG) -> None:
        self.progress: list[bytes] = []
        self.capture = Capture(limit, self.progress.append)
        self.chunks: dict[int, Chunk] = {}

    def store(self) -> None:
        batch = self.capture.take()
        for seq in batch.dropped:
            del self.chunks[seq]
        for chunk in batch.chunks:
            assert chunk.seq not in self.chunks
            self.chunks[chunk.seq] = chunk

    def text(self, stream: Stream | None = None) -> bytes:
        return b"".join(
            chunk.data for _, chunk in sorted(self.chunks.items()) if stream in (None, chunk.stream)
        )


def test_lines_of_both_streams_stay_whole_and_in_order() -> None:
    stored = Stored()
    for stream, data in [
        ("stdout", b"a"),
        ("stderr", b"E1\n"),
        ("stdout", b"b\nc"),
        ("stderr", b"E2"),
    ]:
        stored.capture.feed(stream, data)  # type: ignore[arg-type]  # the names of the streams
    stored.capture.close()
    stored.store()
    assert stored.text() == b"E1\nab\ncE2"
    assert [(c.stream, c.line, c.stream_line) for c in stored.chunks.values()] == [
        ("stderr", 0, 0),
        ("stdout", 1, 0),
        ("stderr", 3, 1),
    ]


def test_a_line_without_an_end_waits_for_it() -> None:
    stored = Stored()
    stored.capture.feed("stdout", b"half")
    assert not stored.capture.is_dirty
    stored.capture.feed("stdout", b" whole\n")
    assert stored.capture.is_dirty
    stored.store()
    assert stored.text() == b"half whole\n"
    assert not stored.capture.is_dirty


def test_a_line_over_the_limit_is_cut_and_kept() -> None:
    stored = Stored()
    stored.capture.feed("stdout", b"x" * (2 * MAX_LINE + 5))
    stored.capture.feed("stdout", b"\n")
    stored.store()
    assert stored.text() == b"x" * (2 * MAX_LINE + 5) + b"\n"
    assert all(len(chunk.data) <= 2 * MAX_LINE for chunk in stored.chunks.values())


def test_progress_lines_of_stdout_are_no_log_and_those_of_stderr_are() -> None:
    stored = Stored()
    stored.capture.feed("stdout", b'one\n::progress {"current": 1}\ntwo\n::progress {}\n')
    stored.capture.feed("stderr", b"::progress {}\n")
    stored.store()
    assert stored.text("stdout") == b"one\ntwo\n"
    assert stored.text("stderr") == b"::progress {}\n"
    assert stored.progress == [b'{"current": 1}\n', b"{}\n"]
    assert stored.capture.tails["stdout"].text() == "one\ntwo\n"


def test_the_cap_keeps_head_and_tail_and_counts_what_is_lost() -> None:
    stored = Stored(limit=200_000)
    lines = [b"line %07d %s\n" % (n, b"x" * 80) for n in range(20_000)]
    for start in range(0, len(lines), 100):
        stored.capture.feed("stdout", b"".join(lines[start : start + 100]))
        if start % 500 == 0:
            stored.store()
    stored.capture.close()
    stored.store()
    kept = sorted(stored.chunks.values(), key=lambda chunk: chunk.seq)
    assert sum(len(chunk.data) for chunk in kept) <= 200_000 + 3 * 64 * 1024
    assert kept[0].data.startswith(lines[0])
    assert kept[-1].data.endswith(lines[-1])
    last = kept[-1]
    assert (last.line + last.lines, last.byte + len(last.data)) == (20_000, len(b"".join(lines)))


def test_many_tiny_chunks_are_bounded_too() -> None:
    stored = Stored(limit=64 * 1024)
    for _ in range(20_000):
        stored.capture.feed("stdout", b"o\n")
        stored.capture.feed("stderr", b"e\n")
    batch = stored.capture.take()
    assert len(batch.chunks) < 2_000


def test_the_tail_of_a_stream_is_its_last_8_kib() -> None:
    stored = Stored()
    stored.capture.feed("stderr", b"start\n" + b"y" * TAIL_BYTES + b"\n")
    stored.capture.close()
    tail = stored.capture.tails["stderr"]
    assert tail.truncated
    assert tail.text() == "y" * (TAIL_BYTES - 1) + "\n"
    assert not stored.capture.tails["stdout"].truncated


def test_what_no_database_text_can_hold_is_replaced_in_the_tail() -> None:
    stored = Stored()
    stored.capture.feed("stdout", b"a\0b\xff\n")
    assert stored.capture.tails["stdout"].text() == "a\ufffdb\ufffd\n"


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"one\ntwo\n", "two"),
        (b"one\n\n  \n", "one"),
        (b"\x1b[31mred\x1b[0m\n", "red"),
        (b"10%\r20%\r30%\n", "30%"),
        (b"z" * 3_000 + b"\n", "z" * 500),
        (b"\n", None),
    ],
)
def test_the_last_line_is_clean_and_short(data: bytes, line: str | None) -> None:
    stored = Stored()
    stored.capture.feed("stdout", data)
    assert stored.capture.last_line == line


PIECES = st.lists(
    st.tuples(st.sampled_from(["stdout", "stderr"]), st.binary(max_size=40), st.booleans()),
    max_size=40,
)


@given(PIECES)
def test_each_stream_comes_out_as_it_went_in_however_it_was_cut(
    pieces: list[tuple[Stream, bytes, bool]],
) -> None:
    stored, written = Stored(), {"stdout": b"", "stderr": b""}
    for stream, raw, store in pieces:
        data = raw.replace(b":", b";")  # no progress lines
        stored.capture.feed(stream, data)
        written[stream] += data
        if store:
            stored.store()
    stored.capture.close()
    stored.store()
    assert (stored.text("stdout"), stored.text("stderr")) == (written["stdout"], written["stderr"])
    line = byte = 0
    for _, chunk in sorted(stored.chunks.items()):
        assert (chunk.line, chunk.byte) == (line, byte)
        line, byte = line + chunk.lines, byte + len(chunk.data)
