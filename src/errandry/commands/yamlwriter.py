"""YAML that a person likes to edit and that `yamltext` reads back unchanged."""

from typing import Any, Final

import yaml

from errandry.commands import yamlscalar

# Other styles fold these into ordinary line feeds.
_UNUSUAL_BREAKS: Final = frozenset("\r\x85\u2028\u2029")


def dump(document: Any) -> str:
    """Write a JSON document as block YAML, keys in their order."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    if _UNUSUAL_BREAKS.intersection(text):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _number(dumper: _Dumper, number: float) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:float", repr(number))


_Dumper.add_representer(str, _text)
_Dumper.add_representer(float, _number)
# PyYAML knows the numbers of YAML 1.1 only: `1e5` and `0o17` would stand there without quotes.
_Dumper.add_implicit_resolver("tag:yaml.org,2002:int", yamlscalar.INTEGER, list("-+0123456789"))
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", yamlscalar.FLOAT, list("-+.0123456789"))
