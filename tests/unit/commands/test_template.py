from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from errandry.commands.template import Rendered, check, render
from errandry.errors import Fault, InvalidArguments
from unit.commands.samples import command, process


def argv(elements: list[str], arguments: dict[str, Any], **fields: Any) -> list[str]:
    """The rendered elements behind the program."""
    return list(render(process(argv=["x", *elements], **fields), arguments).argv[1:])


@pytest.mark.parametrize(
    ("elements", "arguments", "expected"),
    [
        (["a", "{{word}}", ""], {}, ["a", "{word}", ""]),
        (["{word}"], {"word": "two words"}, ["two words"]),
        (["{word}"], {"word": ""}, [""]),
        (["{word}"], {"word": "{opt} {{x}} $HOME `id` 'q' \"q\" *\n"}, None),
        (["{word}", "end"], {}, ["end"]),
        (["{word}", "end"], {"word": None}, ["end"]),
        (["--word={word}"], {"word": "w"}, ["--word=w"]),
        (["--word={word}"], {"word": "-rf"}, ["--word=-rf"]),
        (["--word={word}", "end"], {}, ["end"]),
        (["{items}"], {"items": ["a", "b c", ""]}, ["a", "b c", ""]),
        (["{items}", "end"], {"items": []}, ["end"]),
        (["{items}", "end"], {}, ["end"]),
        (["{flag?--verbose}"], {"flag": True}, ["--verbose"]),
        (["{flag?--verbose}", "end"], {"flag": False}, ["end"]),
        (["{flag?--verbose}", "end"], {}, ["end"]),
        (["{num}"], {"num": 3}, ["3"]),
        (["--num={num}"], {"num": 2.5}, ["--num=2.5"]),
        (["{num}"], {"num": 1e300}, ["1e+300"]),
        (["{num}"], {"num": 3.0}, ["3.0"]),
        (["{any}"], {"any": [1, "a"]}, ["1", "a"]),
        (["{any}"], {"any": 10**30}, [str(10**30)]),
    ],
)
def test_each_value_is_an_element_of_its_own(
    elements: list[str], arguments: dict[str, Any], expected: list[str] | None
) -> None:
    assert argv(elements, arguments) == (expected or [arguments["word"]])


@pytest.mark.parametrize(
    ("elements", "arguments", "path"),
    [
        (["{word}"], {"word": "-rf"}, "/arguments/word"),
        (["{word}"], {"word": "-"}, "/arguments/word"),
        (["{num}"], {"num": -5}, "/arguments/num"),
        (["{items}"], {"items": ["fine", "--x"]}, "/arguments/items/1"),
        (["{word}", "--"], {"word": "-rf"}, "/arguments/word"),
        (["{flag?--}", "{word}"], {"word": "-rf", "flag": True}, "/arguments/word"),
        (["--word={any}", "{word}"], {"word": "-rf", "any": ""}, "/arguments/word"),
    ],
)
def test_a_value_that_a_program_could_take_for_an_option_is_refused(
    elements: list[str], arguments: dict[str, Any], path: str
) -> None:
    with pytest.raises(InvalidArguments) as refused:
        argv(elements, arguments)
    [fault] = refused.value.faults
    assert fault.path == path
    assert fault.message.endswith('begins with "-", so the program could take it for an option')


def test_a_dash_is_fine_after_a_literal_double_dash_and_where_it_is_allowed() -> None:
    assert argv(["a", "--", "b", "{items}"], {"items": ["-rf"]}) == ["a", "--", "b", "-rf"]
    assert argv(["{word}"], {"word": "-rf"}, allow_dash=True) == ["-rf"]


@pytest.mark.parametrize(
    ("element", "arguments", "path"),
    [
        ("{any}", {"any": True}, "/arguments/any"),
        ("{any}", {"any": {"a": 1}}, "/arguments/any"),
        ("{any}", {"any": ["a", None]}, "/arguments/any/1"),
        ("{any}", {"any": [["a"]]}, "/arguments/any/0"),
        ("{any}", {"any": [False]}, "/arguments/any/0"),
        ("x{any}", {"any": ["a"]}, "/arguments/any"),
        ("{any?--x}", {"any": "yes"}, "/arguments/any"),
        ("{word}", {"word": "a\0b"}, "/arguments/word"),
        ("{word}", {"word": "\ud800"}, "/arguments/word"),
    ],
)
def test_a_value_without_a_text_form_for_its_place_is_refused(
    element: str, arguments: dict[str, Any], path: str
) -> None:
    with pytest.raises(InvalidArguments) as refused:
        argv([element], arguments)
    assert [fault.path for fault in refused.value.faults] == [path]


def test_all_values_that_are_refused_are_named() -> None:
    fields = {"env": {"A": "{any}"}, "cwd": "{opt}"}
    with pytest.raises(InvalidArguments) as refused:
        argv(["{word}", "{items}"], {"word": "-", "items": ["-"], "any": [], "opt": "a"}, **fields)
    assert [fault.path for fault in refused.value.faults] == [
        "/arguments/word",
        "/arguments/items/0",
        "/arguments/any",
        "/arguments/opt",
    ]


def test_a_program_without_placeholders_is_rendered_as_it_stands() -> None:
    assert render(process(argv=["a", "b"]), {"word": "w"}) == Rendered(("a", "b"), {}, None, None)


def test_a_variable_is_a_literal_or_a_value_and_left_out_without_one() -> None:
    env = {"A": "x{{y}}", "B": "{word}", "C": "{opt}", "D": "{flag?1}", "E": "{num}"}
    rendered = render(process(env=env), {"word": "-w", "flag": True, "num": 2})
    assert rendered.env == {"A": "x{y}", "B": "-w", "D": "1", "E": "2"}


@pytest.mark.parametrize(
    ("text", "arguments", "expected"),
    [
        ("/srv/{{x}}", {}, "/srv/{x}"),
        ("{word}", {"word": "/srv/a b"}, "/srv/a b"),
        ("{word}", {}, None),
    ],
)
def test_the_folder_is_a_literal_or_a_value(
    text: str, arguments: dict[str, Any], expected: str | None
) -> None:
    assert render(process(cwd=text), arguments).cwd == expected


@pytest.mark.parametrize("folder", ["a", "", "./a", "~/a"])
def test_a_folder_that_is_not_absolute_is_refused(folder: str) -> None:
    with pytest.raises(InvalidArguments) as refused:
        render(process(cwd="{word}"), {"word": folder})
    assert refused.value.faults == (
        Fault("/arguments/word", f'"{folder}" is no absolute path', "an absolute path"),
    )


@pytest.mark.parametrize(
    ("text", "arguments", "expected"),
    [
        ("a literal\n", {}, "a literal\n"),
        ("{word}", {"word": "-w\n"}, "-w\n"),
        ("{num}", {"num": 1}, "1"),
        ("{word}", {}, None),
    ],
)
def test_standard_input_is_a_literal_or_a_value(
    text: str, arguments: dict[str, Any], expected: str | None
) -> None:
    assert render(process(stdin=text), arguments).stdin == expected


def test_a_command_can_be_asked_whether_arguments_can_be_passed() -> None:
    takes_word = command(run={"process": {"argv": ["x", "{word}"]}})
    check(takes_word, {"word": "fine"})
    with pytest.raises(InvalidArguments):
        check(takes_word, {"word": "-rf"})
    check(command(run={"python": {"call": "f"}}), {"word": "-rf"})


_SAFE = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
_ELEMENTS = st.lists(
    st.sampled_from(["lit", "--", "{{x}}", "{word}", "--w={word}", "{opt}", "{flag?-v}", "{num}"])
)


@settings(deadline=None)
@given(
    _ELEMENTS,
    st.fixed_dictionaries(
        {"word": _SAFE},
        optional={
            "opt": _SAFE,
            "flag": st.booleans(),
            "num": st.integers() | st.floats(allow_nan=False, allow_infinity=False),
        },
    ),
)
def test_no_value_ever_becomes_more_than_one_element(
    elements: list[str], arguments: dict[str, Any]
) -> None:
    rendered = argv(elements, arguments, allow_dash=True)
    absent = {"{opt}": "opt" not in arguments, "{num}": "num" not in arguments}
    dropped = {**absent, "{flag?-v}": not arguments.get("flag")}
    kept = [element for element in elements if not dropped.get(element)]
    assert len(rendered) == len(kept)
    values = {"{word}": arguments["word"], "--w={word}": "--w=" + arguments["word"]}
    for element, value in zip(kept, rendered, strict=True):
        assert value == values.get(element, value)


@settings(deadline=None)
@given(st.lists(_SAFE))
def test_a_list_becomes_exactly_its_items(items: list[str]) -> None:
    assert argv(["--", "{items}"], {"items": items}) == ["--", *items]
