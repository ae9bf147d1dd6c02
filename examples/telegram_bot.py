"""A Telegram bot as a channel: updates come in by webhook, messages go out by the Bot API.

The manner of `sms_bridge.py` with another API: its secret is a token in a header, a place stays a place on the map, and
a chat is a room. Telegram's side is a fake in the same file, so this runs without a bot:
``python examples/telegram_bot.py``
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Mapping

import httpx
from pydantic import BaseModel, Field, ValidationError

from roomkit import AIChannel, ChannelCapabilities, InboundMessage, MockAIProvider, RoomKit, TextContent, WebhookChannel
from roomkit.channels.webhook_format import Incoming, Outgoing
from roomkit.channels.webhook_signature import Verified
from roomkit.core.transcode import as_text, contents
from roomkit.errors import AccessDeniedError, ConfigError
from roomkit.models.channel import ChannelBinding
from roomkit.models.content import EventContent, LocationContent, RichContent
from roomkit.models.enums import EventType
from roomkit.models.event import RoomEvent

HEADER = "x-telegram-bot-api-secret-token"


class SecretToken:
    """Telegram repeats the ``secret_token`` we gave to setWebhook; our own token is part of the API's address.

    Nothing tells one attempt from another: an update sent twice is taken once by its ``update_id``.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def sign(self, message_id: str, body: bytes, timestamp_s: int) -> dict[str, str]:
        return {}

    def verify(self, headers: Mapping[str, str], body: bytes, now_s: float) -> Verified:
        if not hmac.compare_digest(self._secret, headers.get(HEADER, "").encode()):
            raise AccessDeniedError("wrong secret token")
        return Verified()


class Place(BaseModel):
    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)


class Person(BaseModel):
    id: int


class Message(BaseModel):
    chat: Person
    sender: Person = Field(alias="from")
    text: str | None = Field(default=None, max_length=4_096)
    location: Place | None = None

    @property
    def content(self) -> EventContent | None:
        if self.location is not None:
            return LocationContent(latitude=self.location.latitude, longitude=self.location.longitude)
        return None if self.text is None else TextContent(body=self.text)


class Update(BaseModel):
    update_id: int
    message: Message | None = None


class TelegramFormat:
    """One room a chat."""

    def __init__(self, api: str) -> None:
        self._api = api

    def write(self, event: RoomEvent, binding: ChannelBinding) -> list[Outgoing]:
        if event.type != EventType.MESSAGE:
            return []
        chat_id = int(event.room_id.removeprefix("telegram:"))
        return [self._one(f"{event.id}-{n}", chat_id, part) for n, part in enumerate(contents(event.content))]

    def read(self, body: bytes, channel_id: str) -> Incoming | None:
        try:
            update = Update.model_validate_json(body)
        except ValidationError:
            raise ConfigError("not an update") from None
        if update.message is None or update.message.content is None:
            return None  # a sticker, an edit, a poll: not for the room, and not to be sent again
        message = InboundMessage(
            channel_id=channel_id,
            sender_id=f"telegram:{update.message.sender.id}",
            content=update.message.content,
            idempotency_key=str(update.update_id),
        )
        return Incoming(message, room_id=f"telegram:{update.message.chat.id}", opens_room=True)

    def _one(self, message_id: str, chat_id: int, content: EventContent) -> Outgoing:
        fields: dict[str, object] = {"chat_id": chat_id}
        if isinstance(content, LocationContent):
            method = "sendLocation"
            fields |= {"latitude": content.latitude, "longitude": content.longitude}
        else:
            method = "sendMessage"
            fields |= {"text": as_text(content)}
        return Outgoing(message_id, json.dumps(fields).encode(), f"{self._api}/{method}")


class FakeTelegram:
    """A Bot API that prints what the bot says, and updates posted to our webhook."""

    def __init__(self, ours: httpx.AsyncClient) -> None:
        self._ours = ours

    @staticmethod
    async def api(request: httpx.Request) -> httpx.Response:
        method = request.url.path.rpartition("/")[2]
        print(f"[phone] {method} {json.loads(request.content)}")
        return httpx.Response(200, json={"ok": True})

    async def update(self, text: str, header: str) -> None:
        message = {"chat": {"id": 7}, "from": {"id": 7}, "text": text}
        body = {"update_id": 1, "message": message}
        answer = await self._ours.post("/telegram", json=body, headers={HEADER: header})
        print(f"[telegram] {text!r} -> {answer.status_code} {answer.text}")


async def main() -> None:
    api_url = "https://api.telegram.example/bot123:token"
    async with RoomKit() as kit, httpx.AsyncClient(transport=httpx.MockTransport(FakeTelegram.api)) as api:
        bot = WebhookChannel(
            "telegram",
            url=api_url,
            signature=SecretToken("given to setWebhook"),
            format=TelegramFormat(api_url),
            capabilities=ChannelCapabilities(content_types=("text", "location"), max_text_chars=4_096),
            client=api,
        )
        kit.register_channel(bot)
        kit.register_channel(AIChannel("agent", MockAIProvider(responses=["We are open until six."])))
        await kit.create_room("telegram:7")
        await kit.attach_channel("telegram:7", "agent")

        rich = RichContent(body="<b>Find us</b> here", format="html", quick_replies=("Thanks",))
        await kit.send_event("telegram:7", "agent", rich)
        await kit.send_event("telegram:7", "agent", LocationContent(latitude=59.91, longitude=10.75))

        # In your application: Mount("/telegram", bot.asgi), and setWebhook with its address.
        async with httpx.AsyncClient(transport=httpx.ASGITransport(bot.asgi), base_url="https://ours") as ours:
            telegram = FakeTelegram(ours)
            await telegram.update("Are you open?", "a guess")
            await telegram.update("Are you open?", "given to setWebhook")
            await telegram.update("Are you open?", "given to setWebhook")
        print(f"{len(await kit.get_timeline('telegram:7'))} events in the room")


if __name__ == "__main__":
    asyncio.run(main())
