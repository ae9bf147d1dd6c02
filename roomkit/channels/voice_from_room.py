"""What the room's other channels say and show, brought into the calls of a voice channel (RFC 0006, R-0006-40, -44).

Not in here: what callers type into their own call (`voice.session.typed`). Invariant: nothing is fetched from anywhere;
a picture that is only linked, or that an agent cannot see, becomes a note that there was one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from roomkit.core.transcode import contents
from roomkit.errors import ConfigError
from roomkit.models.content import EventContent, MediaContent, plain_text
from roomkit.models.enums import ChannelCategory, EventStatus, EventType
from roomkit.voice.realtime.commands import InjectImage
from roomkit.voice.realtime.images import check_image, image_of_data_url, image_type
from roomkit.voice.realtime.provider_events import Role
from roomkit.voice.session.messages import transcription

if TYPE_CHECKING:
    from roomkit.models.channel import ChannelBinding
    from roomkit.models.context import RoomContext
    from roomkit.models.event import RoomEvent
    from roomkit.voice.session.engine import Session

UNSEEN = "[a picture was sent that you cannot see]"


@dataclass(frozen=True, slots=True)
class Brought:
    """What one event holds for an agent.

    Attributes:
        words: What is said.
        images: Pictures that can be shown.
        unseen_count: Pictures that cannot: linked, broken, too large, or of an unknown kind.
    """

    words: str
    images: tuple[bytes, ...] = ()
    unseen_count: int = 0


async def bring_in(
    event: RoomEvent, binding: ChannelBinding, context: RoomContext, sessions: Sequence[Session]
) -> None:
    """Tell the sessions: people's words and pictures are a turn to be answered, other agents' are silent context.

    ``metadata["inject_role"]`` overrides that; ``"assistant"`` is said word for word, as the agent.
    """
    if event.type is not EventType.MESSAGE or event.status is EventStatus.BLOCKED:
        return
    brought = await _read(event.content)
    if not (brought.words or brought.images or brought.unseen_count):
        return
    source = context.binding(event.source.channel_id)
    is_from_people = source is None or source.category is ChannelCategory.TRANSPORT
    role: Role = event.metadata.get("inject_role", "user" if is_from_people else "system")
    # Taken over: it is read, so that the agent knows when it is handed back.
    silent = role == "system" or binding.taken_over_by is not None
    for live in [session for session in sessions if session.is_live]:
        _tell(live, brought, role, silent=silent, chain_depth=event.chain_depth)


def show(live: Session, data: bytes, mime_type: str, *, silent: bool) -> None:
    """Show a picture to the agent of a call; without ``silent`` it is a turn of the caller's.

    Raises:
        ConfigError: The vendor takes none, or none of this kind; or it is no picture, or too large a one.
    """
    if not live.provider.profile.images:
        raise ConfigError(f"{live.provider.name} takes no images; describe the picture with inject_text")
    check_image(data, mime_type)
    if mime_type not in live.provider.profile.image_types:  # now: without a link the dialect could not say so
        takes = " and ".join(sorted(live.provider.profile.image_types))
        raise ConfigError(f"{live.provider.name} takes {takes}, not {mime_type}: convert it")
    live.send(InjectImage(data, mime_type, silent))
    live.events.conversation.history.said("user", "[a picture was shown]")  # what a later link can be told of it


def _tell(live: Session, brought: Brought, role: Role, *, silent: bool, chain_depth: int) -> None:
    unseen_count = brought.unseen_count
    is_answered_by_words = bool(brought.words)
    for index, data in enumerate(brought.images):
        is_last = index == len(brought.images) - 1
        try:
            show(live, data, image_type(data) or "", silent=silent or is_answered_by_words or not is_last)
        except ConfigError:  # this agent cannot see it: the next best thing is to know of it
            unseen_count += 1
    text = "\n".join(filter(None, [brought.words, *[UNSEEN] * unseen_count]))
    if text and live.is_text_only and role == "system":  # the agent it was meant for is away: the caller reads it
        live.tell_client(transcription("assistant", text, is_final=True))
    if text:
        live.inject(text, role, silent=silent, chain_depth=chain_depth)


async def _read(content: EventContent) -> Brought:
    pictures = [each for each in contents(content) if isinstance(each, MediaContent) and _is_image(each)]
    if not pictures:
        return Brought(plain_text(content).strip())
    words = [
        (each.caption or "") if isinstance(each, MediaContent) and _is_image(each) else plain_text(each)
        for each in contents(content)
    ]
    found = [await asyncio.to_thread(image_of_data_url, each.url) for each in pictures]
    images = tuple(data for data in found if data is not None)
    return Brought("\n".join(filter(None, words)).strip(), images, len(found) - len(images))


def _is_image(content: MediaContent) -> bool:
    return content.mime_type.lower().startswith("image/")
