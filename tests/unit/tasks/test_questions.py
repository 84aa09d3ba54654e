from errandry.tasks import questions
from errandry.tasks.questions import Asked, Question
from unit.commands.samples import command

FORM = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}


def test_a_command_without_a_form_asks_nothing() -> None:
    assert questions.of_command(command()) == {}
    assert questions.awaited(command()) == frozenset()


def test_the_form_of_a_command_is_asked_with_what_clients_know() -> None:
    form = {**FORM, "description": "Which?", "title": "A word", "additionalProperties": False}
    assert questions.of_command(command(ask=form)) == {
        "ask": {
            "method": "elicitation/create",
            "params": {"message": "Which?", "requestedSchema": FORM},
        }
    }
    assert questions.awaited(command(ask=form)) == {"answer"}


def test_a_form_without_words_is_asked_in_the_name_of_the_command() -> None:
    def message(**fields: object) -> object:
        return questions.of_command(command(**fields))["ask"]["params"]["message"]

    assert message(ask={**FORM, "title": "A word"}) == "A word"
    assert message(ask=FORM, title="Do it") == "Do it asks before it starts"
    assert message(ask=FORM, name="do-it", title=None) == "do-it asks before it starts"


def test_a_form_without_fields_has_none() -> None:
    asked = questions.request("Go on?", {"type": "object"})
    assert asked["params"]["requestedSchema"] == {"type": "object", "properties": {}}


def test_keys_go_on_where_the_memory_ends_and_keep_their_order() -> None:
    twelve = [Question(f"q{n}", FORM, f"d{n}") for n in range(12)]
    first = Asked(questions.number({"ask": {"content": {}}}, twelve), 60)
    assert [*first.requests()] == [f"ask-{n}" for n in range(1, 13)]
    memory = {"ask": {"content": {}}, **first.memory()}
    assert [each["digest"] for each in questions.answers(memory)] == [f"d{n}" for n in range(12)]
    assert [*questions.number(memory, twelve[:1])] == ["ask-13"]


def test_answers_to_the_form_go_before_arguments() -> None:
    memory = questions.remember({}, {"ask": {"a": 1}, "ask-1": {"b": 2}})
    assert questions.filled({"a": 0, "c": 3}, memory) == {"a": 1, "c": 3}
    assert questions.filled({"a": 0}, {}) == {"a": 0}


def test_what_was_asked_is_remembered_with_its_answer() -> None:
    memory = Asked({"ask-1": Question("q", FORM, "d")}, 60).memory()
    assert questions.remember(memory, {"ask-1": {"answer": "x"}}) == {
        "ask-1": {"digest": "d", "content": {"answer": "x"}}
    }
