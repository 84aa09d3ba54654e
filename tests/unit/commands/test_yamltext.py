import contextlib

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from errandry.commands import yamltext
from errandry.commands.yamltext import MAX_BYTES, YamlError, read


@pytest.fixture(params=[yaml.CSafeLoader, yaml.SafeLoader], ids=["libyaml", "python"], autouse=True)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yamltext, "_Parser", request.param)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("true", True),
        ("False", False),
        ("TRUE", True),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-12", -12),
        ("+3", 3),
        ("0x1F", 31),
        ("0o17", 15),
        ("1.5", 1.5),
        ("5.", 5.0),
        (".5", 0.5),
        ("-1e3", -1000.0),
        ("no", "no"),
        ("Yes", "Yes"),
        ("on", "on"),
        ("010", "010"),
        ("-007", "-007"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("2026-11-24", "2026-11-24"),
        ("2026-11-24T08:00:00Z", "2026-11-24T08:00:00Z"),
        ("1.2.3", "1.2.3"),
        ("'5'", "5"),
        ('"true"', "true"),
        ("=", "="),
        ("0b1", "0b1"),
    ],
)
def test_a_word_means_what_it_says(word: str, value: object) -> None:
    found = read(f"- {word}\n".encode()).value[0]
    assert (type(found), found) == (type(value), value)


def test_lists_and_objects_are_read_in_both_styles() -> None:
    text = b"a: [1, {b: c}]\nd:\n  - |\n    two\n    lines\n  - >-\n    one\n    line\n"
    assert read(text).value == {"a": [1, {"b": "c"}], "d": ["two\nlines\n", "one line"]}


def test_json_is_read_too() -> None:
    assert read(b'{"a": [1, 2.5, "x", null, true]}').value == {"a": [1, 2.5, "x", None, True]}


def test_a_byte_order_mark_is_no_content() -> None:
    assert read(b"\xef\xbb\xbfa: 1").value == {"a": 1}


def test_each_part_knows_its_line() -> None:
    document = read(
        b"# comment\nname: x\n\nrun:\n  process:\n    argv:\n    - a\n    - b\n'a/b~': 1\n"
    )
    lines = {
        path: document.line_of(path) for path in ("", "/name", "/run/process/argv/1", "/a~1b~0")
    }
    assert lines == {"": 2, "/name": 2, "/run/process/argv/1": 8, "/a~1b~0": 9}


def test_what_is_missing_has_the_line_of_what_should_hold_it() -> None:
    document = read(b"name: x\nrun:\n  process: {}\n")
    assert document.line_of("/run/process/argv") == 3
    assert document.line_of("/description") == 1


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (b"", 1, "empty"),
        (b"# nothing\n", 1, "empty"),
        (b"a: 1\nb: &x [1]\n", 2, "anchors (&x)"),
        (b"a: 1\nb: *x\n", 2, "aliases (*x)"),
        (b"a: !!python/object:os.system {}\n", 1, "tags"),
        (b"a: ! 1\n", 1, "tags"),
        (b"a: 1\n<<: {b: 1}\n", 2, "merge keys"),
        (b"a: 1\nb: 2\na: 3\n", 3, '"a" stands twice'),
        (b"a: 1\n2: b\n", 2, "a key must be text"),
        (b"~: b\n", 1, "a key must be text"),
        (b"? [a]\n: b\n", 1, "a key must be text"),
        (b"a: 1\n---\nb: 2\n", 2, "second document"),
        (b"a: 1\nb: [1\n", 3, "did not find expected|expected ',' or"),
        (b"a: \xff\n", 1, "not UTF-8"),
        (b"a: 1\nb: \xff\n", 2, "not UTF-8"),
        (b"a: \x00\n", 1, "not allowed"),
        (b'a: "\\0"\n', 1, "NUL"),
        (b'a: "\\uD800"\n', 1, "surrogate|escape"),
        (b'a: "\\UFFFFFFFF"\n', 1, "too large|escape"),
        (b"a: .inf\n", 1, "no JSON number"),
        (b"a: -.INF\n", 1, "no JSON number"),
        (b"a: .nan\n", 1, "no JSON number"),
        (b"a: 1e999\n", 1, "too large"),
        (b"a: " + b"9" * 1001, 1, "1000 digits"),
        (b"a: 0x" + b"f" * 1001, 1, "1000 digits"),
    ],
)
def test_what_is_refused_is_named_with_its_line(text: bytes, line: int, message: str) -> None:
    with pytest.raises(YamlError) as refused:
        read(text)
    assert any(part in str(refused.value) for part in message.split("|")), str(refused.value)
    assert refused.value.line == line


@pytest.mark.parametrize(
    "text",
    [
        b"[" * MAX_BYTES,
        b"{" * MAX_BYTES,
        b"- " * (MAX_BYTES // 2),
        b"? " * (MAX_BYTES // 2),
        b"{a: " * (MAX_BYTES // 4),
        b"[a, " * (MAX_BYTES // 4),
        b"[" + b"a," * (MAX_BYTES // 2 - 1),
        b"- a\n" * (MAX_BYTES // 4),
        b"".join(b" " * level + b"a:\n" for level in range(300)),
        b"&a " * (MAX_BYTES // 3),
        b"%TAG ! a\n" * (MAX_BYTES // 9),
        b"a: &" + b"x" * (MAX_BYTES - 4),
        b"a" * (MAX_BYTES + 1),
    ],
    ids=lambda text: repr(text[:12]),
)
def test_a_hostile_text_is_refused_in_few_words(text: bytes) -> None:
    with pytest.raises(YamlError) as refused:
        read(text)
    assert len(str(refused.value)) < 400


def test_a_text_of_the_limit_is_read() -> None:
    comment = b"#" + b"x" * (MAX_BYTES - 6) + b"\n"
    assert read(comment + b"a: 1").value == {"a": 1}


def test_thirty_two_levels_are_read_and_no_more() -> None:
    assert read(b"[" * 32 + b"]" * 32).value
    with pytest.raises(YamlError, match="nested deeper than 32 levels"):
        read(b"[" * 33 + b"]" * 33)


_TOKENS = [
    *(b"[", b"]", b"{", b"}", b":", b": ", b"- ", b"\n", b"  ", b"? ", b",", b"#", b"~", b"\t"),
    *(b"a", b"1", b'"', b"'", b"|\n", b">", b"&x", b"*x", b"!t ", b"<<", b"---", b"..."),
    *(b"%YAML 1.1\n", b"\\x00", b"\\ud800", b"\\UFFFFFFFF", b"\xff", b"\x00", b"\xef\xbb\xbf"),
]


@settings(deadline=None)
@given(st.binary(max_size=80) | st.lists(st.sampled_from(_TOKENS), max_size=40).map(b"".join))
def _read_any_bytes(text: bytes) -> None:
    with contextlib.suppress(YamlError):
        read(text)


def test_any_bytes_are_read_or_refused_with_our_own_error() -> None:
    _read_any_bytes()
