"""How ``key=value`` words are read."""

from typing import Any

import pytest

from errandry.cli.arguments import read_arguments
from errandry.cli.exits import Exit, Refusal

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "text": {"type": "string"},
        "count": {"type": "integer"},
        "share": {"type": "number"},
        "loud": {"type": "boolean"},
        "files": {"type": "array", "items": {"type": "string"}},
        "sizes": {"type": "array", "items": {"$ref": "#/$defs/size"}},
        "point": {"type": "object"},
        "maybe": {"type": ["integer", "null"]},
        "either": {"anyOf": [{"type": "integer"}, {"type": "boolean"}]},
        "level": {"enum": [1, 2, 3]},
        "fixed": {"const": True},
        "size": {"$ref": "#/$defs/size"},
        "one_or_more": {"type": ["array", "string"]},
        "circle": {"$ref": "#/properties/circle"},
        "spiral": {"anyOf": [{"$ref": "#/properties/spiral"}]},
        "far": {"$ref": "https://schemas.example/far"},
        "any": True,
    },
    "$defs": {"size": {"type": "integer"}},
}


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ([], {}),
        (["text=a=b c"], {"text": "a=b c"}),
        (["text="], {"text": ""}),
        (["text=5"], {"text": "5"}),
        (["count=5"], {"count": 5}),
        (["count=-5"], {"count": -5}),
        (["share=5"], {"share": 5}),
        (["share=1.5e3"], {"share": 1500.0}),
        (["loud=true"], {"loud": True}),
        (["files=a"], {"files": ["a"]}),
        (["files=a", "files=5"], {"files": ["a", "5"]}),
        (['files=["a", "b"]'], {"files": ["a", "b"]}),
        (["files=[a"], {"files": ["[a"]}),
        (["sizes=1", "sizes=2"], {"sizes": [1, 2]}),
        (['point={"x": 1}'], {"point": {"x": 1}}),
        (["maybe=null"], {"maybe": None}),
        (["maybe=4"], {"maybe": 4}),
        (["either=false"], {"either": False}),
        (["level=2"], {"level": 2}),
        (["fixed=true"], {"fixed": True}),
        (["size=7"], {"size": 7}),
        (["one_or_more=a"], {"one_or_more": "a"}),
        (["one_or_more=a", "one_or_more=b"], {"one_or_more": ["a", "b"]}),
        (
            ["circle=1", "spiral=1", "far=1", "any=1"],
            dict.fromkeys(("circle", "spiral", "far", "any"), "1"),
        ),
        (["unknown=1"], {"unknown": "1"}),
        (["text:=5"], {"text": 5}),
        (['unknown:=[1, {"a": null}]'], {"unknown": [1, {"a": None}]}),
    ],
)
def test_a_word_becomes_what_the_schema_says(words: list[str], arguments: dict[str, Any]) -> None:
    assert read_arguments(words, SCHEMA) == arguments


@pytest.mark.parametrize(
    ("word", "argument"),
    [
        ("count=five", "five"),
        ("count=1.5", "1.5"),
        ("count=true", "true"),
        ("loud=yes", "yes"),
        ("share=NaN", "NaN"),
        ("point=[1]", "[1]"),
    ],
)
def test_a_text_that_does_not_fit_stays_one_for_the_server_to_name(
    word: str, argument: str
) -> None:
    assert list(read_arguments([word], SCHEMA).values()) == [argument]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["text"], "'text' is no argument; write key=value or key:=JSON"),
        (["=text"], "'=text' is no argument; write key=value or key:=JSON"),
        ([":=5"], "':=5' is no argument; write key=value or key:=JSON"),
        (["count=1", "count=2"], "The argument count stands twice and is no array"),
        (["count:=1", "count=2"], "The argument count stands twice"),
        (["text:=1", "text:=2"], "The argument text stands twice"),
    ],
)
def test_a_word_that_cannot_be_read_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_arguments(words, SCHEMA)
    assert (caught.value.exit, caught.value.lines) == (Exit.USAGE, (message,))


def test_broken_json_is_refused_with_its_place() -> None:
    with pytest.raises(Refusal, match=r"'text:=\{' holds no JSON: .* at line 1 column 2"):
        read_arguments(["text:={"], SCHEMA)


def test_a_schema_without_properties_leaves_all_texts() -> None:
    assert read_arguments(["a=1"], {"type": "object"}) == {"a": "1"}
