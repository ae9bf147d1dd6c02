"""Which text model is meant by what an application passed; pydantic-ai is loaded only if it is needed."""

from __future__ import annotations

from roomkit.core.ports import TextModel


def text_model(provider: object) -> TextModel:
    """``provider`` if it is a text model, else the pydantic-ai model it is or names.

    Raises:
        ConfigError: It is no model, names none, or one whose key is missing.
        MissingExtraError: pydantic-ai, or the vendor's package, is not installed.
    """
    if isinstance(provider, TextModel):
        return provider
    from roomkit.providers.ai.pydantic_models import PydanticAIProvider

    return PydanticAIProvider(provider)
