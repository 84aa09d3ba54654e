"""What a function asks while it runs: read from what its process left, and checked."""

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from errandry.commands.askrules import form_faults
from errandry.commands.schema import check_schema
from errandry.execution.executors.port import Context, failed
from errandry.tasks import questions
from errandry.tasks.questions import Asked, Question
from errandry.tasks.retry import Ending

_MESSAGE_CHARACTERS: Final = 4_000


class _Question(BaseModel):
    """A question as the process of a function writes it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    message: Annotated[str, Field(min_length=1, max_length=_MESSAGE_CHARACTERS)]
    schema_: Annotated[dict[str, Any], Field(alias="schema")]
    digest: Annotated[str, Field(max_length=100)]


_QUESTIONS: Final = TypeAdapter(Annotated[list[_Question], Field(min_length=1)])


def asked(context: Context, document: Any) -> Ending:
    """Return the end of an attempt that asks; one whose questions are none has failed."""
    try:
        found = _QUESTIONS.validate_python(document)
    except ValidationError as error:
        first = error.errors()[0]
        return _refused(context, f"{'/'.join(map(str, first['loc']))}: {first['msg']}")
    for each in found:
        if faults := check_schema(each.schema_) or [*form_faults(each.schema_, "")]:
            return _refused(context, f"{faults[0].path}: {faults[0].message}")
    hide = context.redaction
    numbered = questions.number(
        context.questions,
        [
            Question(hide.text(each.message), hide.document(each.schema_), each.digest)
            for each in found
        ],
    )
    return context.end("asked", asked=Asked(numbered, context.command.expires_in_s))


def _refused(context: Context, why: str) -> Ending:
    return failed(context, "result_invalid", f"The function asks what is no form: {why}")
