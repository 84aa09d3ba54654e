"""The OpenAPI document: what the framework finds out by itself, and what it cannot know."""

from typing import Any

from fastapi import FastAPI

from errandry import problems


class Application(FastAPI):
    """An application whose document shows refusals in the media type that they have."""

    def openapi(self) -> dict[str, Any]:
        """Return the document; it is made once."""
        if self.openapi_schema is None:
            for path in super().openapi()["paths"].values():
                for operation in path.values():
                    _show_problems(operation["responses"])
        document: dict[str, Any] = super().openapi()
        return document


def _show_problems(responses: dict[str, Any]) -> None:
    for family in ("4XX", "5XX"):
        content = responses[family]["content"]
        content[problems.MEDIA_TYPE] = content.pop("application/json")
