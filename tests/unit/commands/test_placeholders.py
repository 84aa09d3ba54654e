import pytest

from errandry.commands.placeholders import BadTemplate, Placeholder, Template, parts, template

A, B = Placeholder("a"), Placeholder("b")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Template("")),
        ("plain", Template("plain")),
        ("{a}", Template("", A)),
        ("--path={a}", Template("--path=", A)),
        ("{{a}}", Template("{a}")),
        ("{{{a}", Template("{", A)),
        ("{{}}", Template("{}")),
        ("}}{{", Template("}{")),
        ("a{{b}}={a}", Template("a{b}=", A)),
        ("{a?--verbose}", Template("", Placeholder("a", "--verbose"))),
        ("{a?b?c}", Template("", Placeholder("a", "b?c"))),
        ("{_x-1.y}", Template("", Placeholder("_x-1.y"))),
        ("{secret:NAME}", Template("", Placeholder("secret:NAME"))),
        ("$5 %s \\ \n", Template("$5 %s \\ \n")),
    ],
)
def test_a_text_holds_a_literal_and_a_placeholder_at_most(text: str, expected: Template) -> None:
    assert template(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", 'a single "{"'),
        ("a } b", 'a single "}"'),
        ("{a", 'a single "{"'),
        ("{}", "no placeholder"),
        ("{print $1}", "no placeholder"),
        ("{ a }", "no placeholder"),
        ("{1}", "no placeholder"),
        ("{secret:}", "no placeholder"),
        ("{ä}", "no placeholder"),
        ("{a}{b}", "nothing may follow"),
        ("{a}.txt", "nothing may follow"),
        ("{a}}}", "nothing may follow"),
        ("x{a?--y}", "must stand alone"),
        ("{a?}", "says nothing"),
    ],
)
def test_another_text_is_refused(text: str, message: str) -> None:
    with pytest.raises(BadTemplate, match=message):
        template(text)


def test_a_key_may_hold_several_placeholders() -> None:
    assert parts("disk-{a}/{b}{{x}}") == ["disk-", A, "/", B, "{", "x", "}"]


def test_a_text_of_braces_is_read_once() -> None:
    with pytest.raises(BadTemplate):
        template("{a?" * 100_000)


def test_a_placeholder_knows_whether_it_stands_for_a_secret() -> None:
    assert Placeholder("secret:NAME").secret == "NAME"
    assert Placeholder("secret").secret is None
