"""What is known of the executors of other packages, and what they say about files."""

import re
from pathlib import Path
from typing import Any

import pytest

from errandry.commands.catalog import Catalog
from errandry.commands.definition import parse
from errandry.commands.executors import Executors, Installed
from errandry.commands.schema import MAX_FAULTS
from errandry.commands.yamltext import read
from errandry.errors import Fault, InvalidCommand
from support.executors_of_others import BAD, GOOD, SOURCE
from support.packages import write
from unit.commands.samples import PARAMETERS, definition


@pytest.fixture
def executors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Executors:
    monkeypatch.syspath_prepend(write(tmp_path / "a", "others", SOURCE, GOOD | BAD))
    points = {"twice": "Echo"}
    monkeypatch.syspath_prepend(write(tmp_path / "b", "second", SOURCE, points))
    monkeypatch.syspath_prepend(write(tmp_path / "c", "third", SOURCE, points))
    return Executors.installed()


def faults(executors: Executors, run: dict[str, Any], **changes: Any) -> list[Fault]:
    with pytest.raises(InvalidCommand) as caught:
        parse(definition(run=run, **changes), executors=executors)
    return list(caught.value.faults)


def test_what_is_of_use_is_loaded_and_the_rest_says_why_not(executors: Executors) -> None:
    assert [(each.name, each.package) for each in executors.found if not each.why] == [
        (name, "others 1.0") for name in sorted(GOOD)
    ]
    why = {each.name: each.why for each in executors.found if each.why}
    assert why == {
        "process": "has the name of a built-in one, which is used instead",
        "Robot": "has a name that does not match ^[a-z0-9][a-z0-9_-]{0,63}$",
        "gone": "cannot be loaded: AttributeError: module 'others' has no attribute 'Gone'",
        "bad-schema": why["bad-schema"],
        "no-executor": why["no-executor"],
        "mute": why["mute"],
        "stop": "cannot be loaded: SystemExit: 1",
        "twice": "has a name that another package uses as well; uninstall one of them",
    }
    assert "Can't instantiate abstract class Mute" in str(why["mute"])
    assert "/schema/type" in str(why["bad-schema"])
    assert "others:NoExecutor gives no errandry.plugin.Executor" in str(why["no-executor"])


def test_what_is_of_no_use_is_logged(
    executors: Executors, caplog: pytest.LogCaptureFixture
) -> None:
    executors.log_faults()
    messages = [record.message for record in caplog.records]
    assert len(messages) == len(BAD) + 2
    assert "the executor stop of others 1.0 cannot be loaded: SystemExit: 1" in messages


def test_a_package_that_nobody_knows_has_no_version(executors: Executors) -> None:
    lonely = Executors([Installed("robot", "an unknown package", why="is broken")])
    assert lonely.why_not("robot") == 'the executor "robot" of an unknown package is broken'


@pytest.mark.parametrize(
    ("run", "path", "said"),
    [
        ({"ecko": {}}, "/run/ecko", 'brings the executor "ecko"; did you mean "echo"?'),
        ({"zzzzzzzz": {}}, "/run/zzzzzzzz", 'no installed package brings the executor "zzzzzzzz"'),
        ({"stop": {}}, "/run/stop", '"stop" of others 1.0 cannot be loaded: SystemExit: 1'),
        ({"twice": {}}, "/run/twice", "that another package uses as well"),
        ({"a/b": {}}, "/run/a~1b", "no installed package"),
        ({"failing": {"how": "no"}}, "/run/failing/how", '"no" is not one of the allowed values'),
        ({"confused": {"how": "raises"}}, "/run/confused", "cannot check this: RuntimeError: no"),
        ({"confused": {"how": "exits"}}, "/run/confused", "cannot check this: SystemExit: 3"),
        ({"confused": {"how": "none"}}, "/run/confused", "cannot check this: TypeError"),
        ({"confused": {"how": "object"}}, "/run/confused", "cannot check this: TypeError"),
        ({"confused": {"how": "word"}}, "/run/confused", "cannot check this: AttributeError"),
        ({"confused": {}}, "/run/confused", "cannot check this: KeyError: 'how'"),
    ],
)
def test_a_file_says_what_is_wrong_with_its_executor(
    executors: Executors, run: dict[str, Any], path: str, said: str
) -> None:
    [fault] = faults(executors, run)
    assert fault.path == path
    assert said in fault.message


def test_an_executor_that_never_ends_to_complain_is_cut_off(executors: Executors) -> None:
    found = faults(executors, {"confused": {"how": "endless"}})
    assert {fault.path for fault in found} == {"/run/confused/how"}
    assert len(found) == MAX_FAULTS


def test_the_executors_that_there_are_are_proposed(executors: Executors) -> None:
    [fault] = faults(executors, {"ecko": {}})
    assert fault.allowed == sorted(["http", "mcp", "process", "python", *GOOD])


def test_other_faults_are_told_at_once(executors: Executors) -> None:
    found = faults(executors, {"ecko": {}}, name="run_command", parameters={"type": "array"})
    assert [fault.path for fault in found] == ["/name", "/parameters/type", "/run/ecko"]


@pytest.mark.parametrize("run", [{}, {"echo": {}, "spill": {}}, {"echo": 1}, "echo", None])
def test_what_has_no_shape_is_not_shown_to_an_executor(executors: Executors, run: Any) -> None:
    assert all(fault.path.startswith("/run") for fault in faults(executors, run))


def test_an_executor_cannot_change_what_it_checks(executors: Executors) -> None:
    document = definition(run={"confused": {"how": "fine"}})
    command = parse(document, executors=executors)
    assert command.document["run"] == {"confused": {"how": "fine"}}
    assert command.digest == parse(definition(run={"confused": {"how": "fine"}})).digest


def test_an_executor_is_told_of_parameters_and_secrets(
    executors: Executors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = (
        "from errandry.plugin import Executor, Fault\n"
        "class Telling(Executor):\n"
        "    def run(self, attempt): pass\n"
        "    def faults(self, spec):\n"
        "        yield Fault('/a/b', ' '.join(sorted(spec.parameters)), sorted(spec.secrets))\n"
    )
    monkeypatch.syspath_prepend(write(tmp_path / "d", "telling", source, {"tell": "Telling"}))
    [fault] = faults(Executors.installed(), {"tell": {}}, secrets=["A", "B"])
    assert fault == Fault("/run/tell/a/b", " ".join(sorted(PARAMETERS["properties"])), ["A", "B"])


def test_the_executor_of_the_page_takes_the_command_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[3] / "docs" / "executors.md").read_text()
    [source], [example] = (
        re.findall(rf"```{kind}\n(.*?)```", page, re.DOTALL) for kind in ("python", "yaml")
    )
    points = {"shout": "ShoutExecutor"}
    monkeypatch.syspath_prepend(write(tmp_path, "errandry-executor-shout", source, points))
    document: Any = read(example.encode()).value
    assert parse(document, executors=Executors.installed()).name == "shout"
    del document["run"]["shout"]["words"]
    with pytest.raises(InvalidCommand, match='"words" is missing'):
        parse(document, executors=Executors.installed())


def test_a_stored_definition_is_readable_without_its_executor() -> None:
    assert parse(definition(run={"robot": {"x": 1}})).run.executor == "robot"


def test_a_catalog_takes_only_what_can_be_run(executors: Executors, tmp_path: Path) -> None:
    folder = tmp_path / "commands"
    folder.mkdir()
    text = "name: {0}\ndescription: D.\nrun:\n  {0}: {{}}\n"
    for name in ("echo", "ecko"):
        (folder / f"{name}.yaml").write_text(text.format(name))
    catalog = Catalog(folder, executors=executors)
    assert [command.name for command in catalog.list()] == ["echo"]
    assert [(fault.file, fault.line) for fault in catalog.faults] == [("ecko.yaml", 4)]
    with pytest.raises(InvalidCommand):
        catalog.create(definition(run={"ecko": {}}), "api")
