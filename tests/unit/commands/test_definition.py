import copy
from typing import Any

import pytest

from errandry.commands.definition import digest, parse
from errandry.commands.names import BUILT_IN_TOOLS
from errandry.errors import InvalidCommand, UnknownField
from unit.commands.samples import PARAMETERS, command, definition


def refusal(document: Any) -> InvalidCommand | UnknownField:
    with pytest.raises((InvalidCommand, UnknownField)) as refused:
        parse(document)
    assert isinstance(refused.value, InvalidCommand | UnknownField)
    return refused.value


def told(document: Any) -> list[str]:
    """Each fault as ``path: message``."""
    return [f"{fault.path}: {fault.message}" for fault in refusal(document).faults]


def asking(**fields: Any) -> dict[str, Any]:
    """A change: the form that a command asks before its start."""
    return {"ask": {"type": "object", "properties": fields}}


@pytest.mark.parametrize("name", ["a", "0", "disk-usage", "a_b-c", "a" * 64, "tsk", "run"])
def test_a_name_may_be(name: str) -> None:
    assert command(name=name).name == name


@pytest.mark.parametrize(
    "name",
    [
        *("", "A", "-a", "_a", "a b", "a.b", "../evil", "a/b", ".hidden", "a\n", "ä", "a" * 65),
        *("tsk_x", "tsk_", *sorted(BUILT_IN_TOOLS)),
    ],
)
def test_a_name_may_not_be(name: str) -> None:
    found = refusal(definition(name=name))
    assert (type(found), [fault.path for fault in found.faults]) == (InvalidCommand, ["/name"])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"name": 5}, "/name: 5 is of the wrong type"),
        ({"name": None}, '/name: "name" is missing'),
        ({"description": None}, '/description: "description" is missing'),
        ({"description": ""}, '/description: "" has 0 characters'),
        ({"run": None}, '/run: "run" is missing'),
        ({"run": {}}, "/run: the object has 0 fields"),
        (
            {"run": {"process": {"argv": ["a"]}, "python": {"call": "f"}}},
            "/run: the object has 2 fields",
        ),
        ({"run": {"process": None}}, "/run/process: null is of the wrong type"),
        ({"run": {"process": {"argv": []}}}, "/run/process/argv: the list has 0 items"),
        ({"run": {"process": {"argv": "ls"}}}, '/run/process/argv: "ls" is of the wrong type'),
        (
            {"run": {"process": {"argv": ["sleep", 5]}}},
            "/run/process/argv/1: 5 is of the wrong type",
        ),
        ({"run": {"http": {"method": "GET"}}}, '/run/http/url: "url" is missing'),
        (
            {"run": {"http": {"method": "get", "url": "http://a"}}},
            '/run/http/method: "get" is not one of the allowed values',
        ),
        ({"run": {"python": {"call": 1}}}, "/run/python/call: 1 is of the wrong type"),
        ({"run": {"mcp": {"server": "s"}}}, '/run/mcp/tool: "tool" is missing'),
        ({"run": {"theirs": "x"}}, '/run/theirs: "x" is of the wrong type'),
        ({"timeout_s": "5"}, '/timeout_s: "5" is of the wrong type'),
        ({"timeout_s": 0}, "/timeout_s: 0 is out of range"),
        ({"timeout_s": True}, "/timeout_s: true is of the wrong type"),
        ({"retry": {"max_attempts": 0}}, "/retry/max_attempts: 0 is out of range"),
        ({"retry": {"base_s": -1}}, "/retry/base_s: -1 is out of range"),
        ({"on_crash": "again"}, '/on_crash: "again" is not one of the allowed values'),
        ({"approval": "maybe"}, '/approval: "maybe" is not one of the allowed values'),
        ({"approval": {"when": {"type": "no"}}}, "/approval/when/type: "),
        ({"annotations": {"idempotent": 1}}, "/annotations/idempotent: 1 is of the wrong type"),
        ({"concurrency": {"limit": 1}}, '/concurrency/key: "key" is missing'),
        ({"concurrency": {"key": "{"}}, '/concurrency/key: a single "{"'),
        ({"concurrency": {"key": "a{nobody}"}}, "/concurrency/key: {nobody} names no parameter"),
        ({"secrets": ["A-B"]}, '/secrets/0: "A-B" does not match the pattern'),
        ({"tags": "ops"}, '/tags: "ops" is of the wrong type'),
        ({"wait_s": 60}, "/wait_s: 60 is out of range"),
        ({"parameters": []}, "/parameters: [] is of the wrong type"),
        ({"parameters": {}}, "/parameters/type: the type must be object"),
        ({"parameters": {"type": "array"}}, "/parameters/type: the type must be object"),
        ({"ask": {"type": "string"}}, "/ask/type: the type must be object"),
        ({"ask": {"type": "object", "oneOf": [True]}}, '/ask/oneOf: a form has no "oneOf"'),
        (asking(a={"type": "object"}), '/ask/properties/a: a form cannot ask for "a"'),
        (asking(word={"type": "string"}), '/ask/properties/word: "word" is a parameter already'),
        (asking(a=True), '/ask/properties/a: a form cannot ask for "a"'),
        (asking(a={"type": "array"}), '/ask/properties/a: a form cannot ask for "a"'),
        ({"result": {"type": "no"}}, '/result/type: "no" is not one of the allowed values'),
    ],
)
def test_a_fault_is_told_with_its_place(changes: dict[str, Any], expected: str) -> None:
    found = told(definition(**changes))
    assert [text for text in found if text.startswith(expected)], found


@pytest.mark.parametrize("document", [None, [], "text", 5, {}])
def test_what_is_no_definition_at_all_is_refused(document: Any) -> None:
    assert isinstance(refusal(document), InvalidCommand)


@pytest.mark.parametrize(
    ("changes", "path", "meant"),
    [
        ({"parametres": {}}, "/parametres", "parameters"),
        ({"retry": {"max_attempt": 3}}, "/retry/max_attempt", "max_attempts"),
        ({"annotations": {"readonly": True}}, "/annotations/readonly", "read_only"),
        ({"approval": {"bye": "admin"}}, "/approval/bye", "by"),
        ({"run": {"process": {"argv": ["a"], "evn": {}}}}, "/run/process/evn", "env"),
    ],
)
def test_an_unknown_field_alone_is_told_as_such_with_the_one_that_was_meant(
    changes: dict[str, Any], path: str, meant: str
) -> None:
    found = refusal(definition(**changes))
    assert isinstance(found, UnknownField)
    assert [fault.path for fault in found.faults] == [path]
    assert f'did you mean "{meant}"?' in found.faults[0].message


def test_the_fields_of_a_read_command_are_no_fields_of_a_file() -> None:
    for field in ("digest", "origin", "document", "stats"):
        assert isinstance(refusal(definition(**{field: "x"})), UnknownField)


def test_all_faults_come_at_once() -> None:
    found = refusal(
        definition(
            name="A",
            description="a\u202eb",
            parameters={"type": "object", "properties": {"a": {"type": "wrong"}}},
            run={"process": {"argv": ["{a}", "{b}"]}},
            surplus=1,
        )
    )
    assert isinstance(found, InvalidCommand)
    assert {fault.path for fault in found.faults} == {
        *("/name", "/description", "/parameters/properties/a/type", "/surplus"),
        *("/run/process/argv/0", "/run/process/argv/1"),
    }
    assert found.message.endswith("(and 5 more)")
    assert found.next_step


@pytest.mark.parametrize(
    "character",
    ["\x00", "\x1b", "\r", "\x7f", "\u200b", "\u202e", "\u2066", "\ufeff", "\U000e0041"],
)
@pytest.mark.parametrize("field", ["title", "description", "tags", "parameters", "result", "ask"])
def test_a_character_that_nobody_sees_is_refused_where_models_read(
    field: str, character: str
) -> None:
    text = f"a{character}b"
    schema = {"type": "object", "properties": {"a": {"type": "string", "description": text}}}
    value = {"tags": [text], "title": text, "description": text}.get(field, schema)
    [fault] = refusal(definition(**{field: value})).faults
    assert fault.path.startswith(f"/{field}" if character != "\x00" else "")


def test_a_description_may_have_lines_and_any_visible_letter() -> None:
    text = "Größe — 大きさ.\n\n- 一\n\t- 😀\n"
    assert command(description=text).description == text


@pytest.mark.parametrize(
    "argv",
    [
        ["true"],
        ["/bin/true", ""],
        ["{{x}}"],
        ["x", "{word}", "--w={word}", "{num}", "{any}", "{maybe}", "{items}", "{flag?--v}"],
        ["awk", "{{print $1}}"],
        ["sh", "-c", "echo ${{HOME}}"],
    ],
)
def test_an_argument_vector_may_be(argv: list[str]) -> None:
    command(run={"process": {"argv": argv}})


@pytest.mark.parametrize(
    ("argv", "place", "message"),
    [
        (["{word}"], 0, "may not depend on arguments"),
        (["x{word}"], 0, "may not depend on arguments"),
        ([""], 0, "names no program"),
        (["./x"], 0, "names no program"),
        (["bin/x"], 0, "names no program"),
        (["{"], 0, "a single"),
        (["x", "{nobody}"], 1, "{nobody} names no parameter"),
        (["x", "{wrod}"], 1, 'did you mean "word"?'),
        (["x", "{word}{word}"], 1, "nothing may follow"),
        (["x", "{word}.txt"], 1, "nothing may follow"),
        (["x", "{flag}"], 1, "write {flag?--flag}"),
        (["x", "--flag={flag}"], 1, "write {flag?--flag}"),
        (["x", "{word?--v}"], 1, "is of the type string"),
        (["x", "--items={items}"], 1, "can only be a whole element of argv"),
        (["x", "{tree}"], 1, "is of the type object"),
        (["x", "y", "echo ${HOME}"], 2, "{HOME} names no parameter"),
    ],
)
def test_an_argument_vector_may_not_be(argv: list[str], place: int, message: str) -> None:
    [fault] = refusal(definition(run={"process": {"argv": argv}})).faults
    assert fault.path == f"/run/process/argv/{place}"
    assert message in fault.message


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"env": {"A": "x{word}"}}, "/env/A"),
        ({"env": {"A": "{items}"}}, "/env/A"),
        ({"env": {"A": "{nobody}"}}, "/env/A"),
        ({"env": {"A-B": "x"}}, "/env/A-B"),
        ({"env": {"A\n": "x"}}, "/env/A\n"),
        ({"env": {"ERRANDRY_TASK_ID": "x"}}, "/env/ERRANDRY_TASK_ID"),
        ({"env": {"A": 5}}, "/env/A"),
        ({"inherit_env": ["ERRANDRY_JWT_SECRET"]}, "/inherit_env/0"),
        ({"inherit_env": ["HOME", "A=B"]}, "/inherit_env/1"),
        ({"cwd": "relative"}, "/cwd"),
        ({"cwd": ""}, "/cwd"),
        ({"cwd": "{{x"}, "/cwd"),
        ({"cwd": "{"}, "/cwd"),
        ({"cwd": "/srv/{word}"}, "/cwd"),
        ({"cwd": "{items}"}, "/cwd"),
        ({"stdin": "x{word}"}, "/stdin"),
        ({"stdin": "{tree}"}, "/stdin"),
    ],
)
def test_the_rest_of_a_process_has_rules_too(fields: dict[str, Any], path: str) -> None:
    found = refusal(definition(run={"process": {"argv": ["x"], **fields}}))
    assert [fault.path for fault in found.faults] == ["/run/process" + path]


def test_answers_of_the_form_fill_placeholders_as_well() -> None:
    ask = {"type": "object", "properties": {"reason": {"type": "string"}}}
    assert command(ask=ask, run={"process": {"argv": ["echo", "{reason}", "{word}"]}}).ask == ask


@pytest.mark.parametrize("types", [5, [{}], ["no"], None])
def test_placeholders_of_parameters_that_are_no_schema_can_be_judged(types: Any) -> None:
    parameters = {"type": "object", "properties": {"a": {"type": types}, "b": 5}}
    document = definition(parameters=parameters, run={"process": {"argv": ["x", "{a}", "{b}"]}})
    paths = {fault.path for fault in refusal(document).faults}
    assert {"/parameters/properties/a/type", "/parameters/properties/b"} <= paths


def test_thirty_two_levels_are_enough() -> None:
    deep: Any = "x"
    for _ in range(40):
        deep = [deep]
    assert (
        "nested deeper than 32 levels" in refusal(definition(run={"theirs": {"a": deep}})).message
    )


def test_a_definition_has_limits_also_when_it_comes_in_no_file() -> None:
    assert told(definition(run={"theirs": {"a": "x" * 140_000}})) == [
        ": the definition is too long"
    ]
    many = definition(run={"process": {"argv": ["x", *["{nobody}"] * 5000]}})
    assert len(told(many)) == 100


def test_the_digest_is_that_of_the_definition_as_written() -> None:
    document = definition(timeout_s=60, tags=["b", "a"])
    found = parse(copy.deepcopy(document))
    assert found.document == document
    assert found.digest == digest(dict(reversed(document.items())))
    assert found.digest != parse({**document, "approval": "never"}).digest
    assert digest({"b": 1, "a": "ä"}) == (
        # printf '{"a":"ä","b":1}' | sha256sum
        "sha256:507aab815f2bdfce1c740c0b1ae7b1c874f56b9aa5b9ab109a07b57365148233"
    )


def test_parameters_of_the_samples_are_left_alone() -> None:
    before = copy.deepcopy(PARAMETERS)
    command(run={"process": {"argv": ["x", "{word}"]}})
    assert before == PARAMETERS
