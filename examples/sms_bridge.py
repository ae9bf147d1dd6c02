"""Text messages as a channel: what a phone sends comes in by webhook, what the room says goes out by an API call.

A bridge is two small classes handed to a `WebhookChannel`: how the carrier signs, and how it writes. Everything else
(retries, replays, sizes, splitting into messages of 160 characters) the channel does. The carrier here is a fake in
the same file, so this runs without an account: ``python examples/sms_bridge.py``
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections import defaultdict
from collections.abc import Mapping

import httpx
from pydantic import BaseModel, Field, ValidationError

from roomkit import AIChannel, ChannelCapabilities, InboundMessage, MockAIProvider, RoomKit, TextContent, WebhookChannel
from roomkit.channels.webhook_format import Incoming, Outgoing
from roomkit.channels.webhook_signature import Verified
from roomkit.clock import SYSTEM_CLOCK
from roomkit.core.transcode import as_text, contents
from roomkit.errors import AccessDeniedError, ConfigError
from roomkit.models.channel import ChannelBinding
from roomkit.models.enums import ChannelType, EventType
from roomkit.models.event import RoomEvent

API = "https://api.carrier.example/messages"
ADA = "+15550199"


class CarrierSignature:
    """The carrier signs ``timestamp.body`` with HMAC-SHA256 in hexadecimal; we show it a token."""

    def __init__(self, token: str, secret: bytes) -> None:
        self._token = token
        self._secret = secret

    def sign(self, message_id: str, body: bytes, timestamp_s: int) -> dict[str, str]:
        return {"authorization": f"Bearer {self._token}"}

    def verify(self, headers: Mapping[str, str], body: bytes, now_s: float) -> Verified:
        timestamp, _, given = headers.get("x-carrier-signature", "").partition(",")
        expected = hmac.digest(self._secret, timestamp.encode() + b"." + body, "sha256").hex()
        if not timestamp.isdecimal() or not hmac.compare_digest(expected.encode(), given.encode()):
            raise AccessDeniedError("no signature matches")
        if abs(now_s - int(timestamp)) > 300:
            raise AccessDeniedError("too old")
        return Verified(attempt=given)


class Sms(BaseModel):
    """What the carrier posts."""

    id: str = Field(max_length=64)
    sender: str = Field(pattern=r"^\+[1-9][0-9]{6,14}$")
    text: str = Field(max_length=1_600)


class SmsFormat:
    """One room a phone, its number in the room's id: nothing to remember, so a restart loses nothing."""

    def write(self, event: RoomEvent, binding: ChannelBinding) -> list[Outgoing]:
        if event.type != EventType.MESSAGE:
            return []
        to = event.room_id.removeprefix("sms:")
        texts = [as_text(part) for part in contents(event.content)]
        return [self._one(to, text, f"{event.id}-{n}") for n, text in enumerate(texts)]

    def read(self, body: bytes, channel_id: str) -> Incoming:
        try:
            sms = Sms.model_validate_json(body)
        except ValidationError:
            raise ConfigError("not a text message") from None
        message = InboundMessage(
            channel_id=channel_id, sender_id=sms.sender, content=TextContent(body=sms.text), idempotency_key=sms.id
        )
        return Incoming(message, room_id=f"sms:{sms.sender}", opens_room=True)

    def _one(self, to: str, text: str, ref: str) -> Outgoing:
        return Outgoing(ref, json.dumps({"to": to, "text": text, "ref": ref}).encode())


class FakeCarrier:
    """An API that fails once and then sends, and phones whose messages it posts to our webhook."""

    def __init__(self, secret: bytes) -> None:
        self.phones: dict[str, asyncio.Queue[str]] = defaultdict(asyncio.Queue)
        self._secret = secret
        self._taken: set[str] = set()
        self._calls = 0

    async def api(self, request: httpx.Request) -> httpx.Response:
        self._calls += 1
        if request.headers["authorization"] != "Bearer our-token":
            return httpx.Response(401)
        if self._calls == 1:
            print("[carrier] busy, try again")
            return httpx.Response(503)
        sms = json.loads(request.content)
        if sms["ref"] not in self._taken:  # the same reference again is the same message
            self._taken.add(sms["ref"])
            self.phones[sms["to"]].put_nowait(sms["text"])
        return httpx.Response(202)

    async def phone_sends(self, ours: httpx.AsyncClient, sms: Sms, at_s: int) -> int:
        body = sms.model_dump_json().encode()
        mac = hmac.digest(self._secret, f"{at_s}.".encode() + body, "sha256").hex()
        answer = await ours.post("/sms", content=body, headers={"x-carrier-signature": f"{at_s},{mac}"})
        return answer.status_code


async def main() -> None:
    carrier = FakeCarrier(secret=b"shared with the carrier")
    agent = AIChannel("agent", MockAIProvider(responses=["Your parcel left the depot at noon. " * 6]))
    async with RoomKit() as kit, httpx.AsyncClient(transport=httpx.MockTransport(carrier.api)) as api:
        sms = WebhookChannel(
            "sms",
            url=API,
            signature=CarrierSignature("our-token", b"shared with the carrier"),
            format=SmsFormat(),
            channel_type=ChannelType.SMS,
            capabilities=ChannelCapabilities(max_text_chars=160),
            client=api,
        )
        kit.register_channel(sms)
        kit.register_channel(agent)
        await kit.create_room(f"sms:{ADA}")
        await kit.attach_channel(f"sms:{ADA}", "agent")

        # In your application: Mount("/sms", sms.asgi), and the carrier's console knows the address.
        async with httpx.AsyncClient(transport=httpx.ASGITransport(sms.asgi), base_url="https://ours") as ours:
            now_s = int(SYSTEM_CLOCK.wall().timestamp())
            question = Sms(id="SM1", sender=ADA, text="Where is my parcel?")
            print(f"[{ADA}] {question.text} -> {await carrier.phone_sends(ours, question, now_s)}")
            print(f"[{ADA}] the same delivery replayed -> {await carrier.phone_sends(ours, question, now_s)}")
            print(f"[{ADA}] sent again, signed afresh -> {await carrier.phone_sends(ours, question, now_s + 1)}")
        for _ in range(2):
            text = await carrier.phones[ADA].get()
            print(f"[phone {ADA}] {text} ({len(text)} characters)")
        print(f"{len(await kit.get_timeline(f'sms:{ADA}'))} events in the room")


if __name__ == "__main__":
    asyncio.run(main())
