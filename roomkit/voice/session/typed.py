"""What the caller types into a call: part of the room first, then a turn of the conversation (R-0006-41)."""

from __future__ import annotations

from roomkit.models.content import TextContent
from roomkit.models.enums import ChannelType
from roomkit.models.event import EventSource, RoomEvent
from roomkit.voice.session import messages
from roomkit.voice.session.engine import Session


async def take_typed(session: Session, text: str) -> None:
    """Put typed words into the room; what the room blocks is not answered, and the caller is told so."""
    view = session.view
    event = RoomEvent(
        id=session.clock.new_id("evt"),
        room_id=view.room_id,
        source=EventSource(
            channel_id=view.channel_id, channel_type=ChannelType.REALTIME_VOICE, participant_id=view.participant_id
        ),
        content=TextContent(body=text),
        created_at=session.clock.wall(),
        metadata={"voice_session_id": view.id, "source": "realtime_voice", "role": "user", "typed": True},
    )
    if not await session.port.publish(event):
        session.tell_client(messages.error("blocked", "your message was not accepted"))
        return
    session.tell_client(messages.transcription("user", text, is_final=True))
    session.inject(text)
