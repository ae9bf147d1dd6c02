"""Every model pydantic-ai knows, as a `TextModel`: it speaks to the vendor, we keep the conversation and the tools.

Not in here: running tools (the channel does, with its hooks) and what the messages look like there
(`pydantic_messages`). Invariant: what a vendor raises becomes one of ours, without its text.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, contextmanager

from roomkit._extras import require
from roomkit.core.ports import ModelReply, ModelRequest
from roomkit.errors import (
    ConfigError,
    MissingExtraError,
    ProviderError,
    ProviderLostError,
    ProviderRefusedError,
    WireError,
)

require("pydantic_ai", extra="ai", why="a text agent on a vendor's model")

from pydantic_ai import exceptions  # noqa: E402 -- after the check that says how to install it
from pydantic_ai.direct import model_request, model_request_stream  # noqa: E402 -- as above
from pydantic_ai.messages import PartDeltaEvent, PartStartEvent, TextPart, TextPartDelta  # noqa: E402 -- as above
from pydantic_ai.models import Model, infer_model  # noqa: E402 -- as above

from roomkit.providers.ai.pydantic_messages import messages_of, parameters_of, reply_of, settings_of  # noqa: E402 -- as above

TRY_AGAIN = frozenset({408, 409, 425, 429})
"""HTTP statuses below 500 after which the same request may succeed later."""


class PydanticAIProvider:
    """A pydantic-ai model.

    Args:
        model: A pydantic-ai model, or the name of one: ``"openai:gpt-5.2"``, ``"anthropic:..."``, ``"test"``.

    Raises:
        ConfigError: There is no such model, or its key is missing.
        MissingExtraError: The vendor's package is not installed.
    """

    def __init__(self, model: object) -> None:
        if isinstance(model, str):
            model = _named(model)
        if not isinstance(model, Model):
            kind = type(model).__name__
            raise ConfigError(f"{kind} is no text model: pass a TextModel, a pydantic-ai model or the name of one")
        self._model = model

    @property
    def name(self) -> str:
        """The model's name at its vendor."""
        return self._model.model_name

    async def generate(self, request: ModelRequest) -> ModelReply:
        """One answer.

        Raises:
            ProviderError: The vendor refused, or could not be reached.
        """
        with _ours(self.name):
            response = await model_request(
                self._model,
                messages_of(request),
                model_settings=settings_of(request),
                model_request_parameters=parameters_of(request),
            )
            return reply_of(response)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[str | ModelReply, None]:
        """One answer as it grows; a model that cannot stream gives it whole.

        Raises:
            ProviderError: The vendor refused, could not be reached, or stopped half-way.
        """
        with _ours(self.name):
            opening = model_request_stream(
                self._model,
                messages_of(request),
                model_settings=settings_of(request),
                model_request_parameters=parameters_of(request),
            )
            async with AsyncExitStack() as stack:
                try:
                    response = await stack.enter_async_context(opening)
                except (NotImplementedError, AssertionError):  # how models that cannot stream say so
                    yield await self.generate(request)
                    return
                async for event in response:
                    if piece := _text_in(event):
                        yield piece
                yield reply_of(response.get())

    async def close(self) -> None:
        """Nothing of ours: the HTTP clients are pydantic-ai's, shared by all its models."""


def _named(name: str) -> Model:
    try:
        return infer_model(name)
    except ImportError as error:
        raise MissingExtraError(
            f"model {name!r} needs its vendor's package: pip install 'pydantic-ai-slim[<vendor>]'"
        ) from error
    except exceptions.UserError as error:
        raise ConfigError(f"model {name!r} cannot be used: {error}") from error
    except ValueError as error:  # what pydantic-ai raises for a name it cannot read
        raise ConfigError(f"there is no model {name!r}") from error
    except Exception as error:  # the vendor's own package, when it is not set up
        raise ConfigError(f"model {name!r} cannot be used: {type(error).__name__}; is its key set?") from error


def _text_in(event: object) -> str:
    match event:
        case PartStartEvent(part=TextPart(content=text)):
            return text
        case PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
            return text
        case _:
            return ""


@contextmanager
def _ours(name: str) -> Iterator[None]:
    """Turn what pydantic-ai and the vendors' packages raise into our errors."""
    try:
        yield
    except ProviderError:
        raise
    except exceptions.ModelHTTPError as error:
        status = error.status_code
        again = status in TRY_AGAIN or status >= 500
        kind = ProviderLostError if again else ProviderRefusedError
        raise kind(f"{name} answered with HTTP {status}", code=str(status)) from error
    except exceptions.UserError as error:
        raise ProviderRefusedError(f"{name} cannot take this request: {type(error).__name__}") from error
    except exceptions.UnexpectedModelBehavior as error:
        raise WireError(f"{name} answered something unreadable: {type(error).__name__}") from error
    except Exception as error:  # vendor SDKs raise what they like; the text may hold the conversation
        raise ProviderLostError(f"{name} failed: {type(error).__name__}") from error
