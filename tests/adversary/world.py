"""Everything around the adversary's calls: a kit with hooks that misbehave on certain words, a channel, tools, facts.

Which settings are on is drawn from the seed. Not in here: what happens in a call (`acts`). Invariant: what a hook or
tool does depends on the words it is given and on the seed, on nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from roomkit import HookExecution, HookResult, HookTrigger, RoomKit, Tool, WebSocketChannel
from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.errors import RoomKitError
from roomkit.models.recording import Recording, RecordingEvent
from roomkit.models.session import VoiceSession
from roomkit.testing.virtual_time import VirtualClock
from roomkit.voice.realtime.agent import Agent
from roomkit.voice.realtime.profile import Profile
from roomkit.voice.realtime.provider_events import Transcript
from roomkit.voice.session.account.budget import Budget
from roomkit.voice.session.account.room_budget import RoomBudget
from roomkit.voice.session.engine import Session
from roomkit.voice.session.settings import OnLate
from tests.adversary.parties import RATE_HZ, Client, Entry, Log, Vendor, VendorLink

ROOM = "room"
EVERYTHING = frozenset({"instructions", "voice", "tools", "temperature", "provider_config"})
STUCK_AFTER_S = 130.0
"""Virtual seconds: no call into the kit may take longer; the longest bounds are a drain's and a hook's 60 s."""

logger = logging.getLogger(__name__)


class Errors(logging.Handler):
    """Keeps what the library logs as an error, and notices when a link or the last words are given up."""

    def __init__(self, on_lost: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self.found: list[str] = []
        self.gave_up: set[str] = set()
        self.on_lost = on_lost

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR:
            self.found.append(self.format(record))
        elif "were not stored in time" in record.getMessage():
            self.gave_up.add(str(record.args[0]) if isinstance(record.args, tuple) else "")
        elif "a provider link was lost" in record.getMessage():
            self.on_lost()


class World:
    """One walk's surroundings.

    Args:
        seed: Everything follows from it.
        directory: For recordings.

    Attributes:
        inside: Done from within a hook or tool; `acts` puts it here.
        sessions: All that became ACTIVE, oldest first.
    """

    def __init__(self, seed: int, directory: Path) -> None:
        self.chance = random.Random(seed)
        self.directory = directory
        self.log: Log = []
        self.errors = Errors(self._link_lost)
        self.sessions: list[VoiceSession] = []
        self.recordings: list[RecordingEvent] = []
        self.started: list[str] = []
        self.ended: list[tuple[str, str]] = []
        self.counters = {"piece": self.chance.choice((0, 200, 5_000))}  # up to 255 nobody's ear hears them
        self.fed: dict[str, list[tuple[int, bool]]] = {}
        self.counted_ms: dict[str, float] = {}
        self.failures: list[str] = []
        self.late: list[tuple[VendorLink, Transcript]] = []
        self.room_is_closed = False
        self.inside: Callable[[VoiceSession | None], Awaitable[None]] = self._nothing
        self.may_write = self.may_read = True
        self._draw()

    def _draw(self) -> None:
        chance, one_of = self.chance, self.chance.choice
        self.vendors = [self._vendor(f"v{n}") for n in range(one_of((1, 1, 2, 3)))]
        self.other = self._vendor("other")
        self.client = Client(self.log, one_of((None, None, float("inf"), 60.0)))
        self.judges = chance.random() < 0.7
        self.guard_ms = one_of((0.0, 0.0, 300.0, 1_500.0))
        self.on_late: OnLate = one_of(("release", "cut"))
        self.emits = chance.random() < 0.9
        self.grace_ms = one_of((0.0, 2_000.0))
        self.kit = RoomKit(clock=VirtualClock())
        self.room_budget = self._room_budget()
        self.channel = RealtimeVoiceChannel(
            "voice", provider=list(self.vendors), transport=self.client, input_sample_rate=RATE_HZ,
            output_sample_rate=RATE_HZ, system_prompt="p", tools=self._tools(), agents=self._agents(),
            emit_transcription_events=self.emits, mute_on_tool_call=chance.random() < 0.3,
            greeting=one_of((None, "hello", "block hello", "inside hello")),
            partial_transcripts=one_of(("auto", "always")), hold_answers=chance.random() < 0.3,
            client_grace_ms=self.grace_ms, recording=self._recording(), output_guard_ms=self.guard_ms,
            output_guard_on_late=self.on_late, tool_timeout_s=one_of((5.0, 30.0)), budget=self._budget(),
            transcription_timeout_s=one_of((2.0, 60.0)), degrade_to=one_of((None, "text")),
            stall_timeout_s=one_of((None, 2.0, 8.0)), room_budget=self.room_budget,
        )  # fmt: skip
        self.chat = WebSocketChannel("chat")
        self.kit.register_channel(self.channel)
        self.kit.register_channel(self.chat)
        self._register_hooks()

    def _vendor(self, name: str) -> Vendor:
        one_of = self.chance.choice
        profile = Profile(
            name=name,
            reconfigures=one_of((EVERYTHING, frozenset())),
            truncates=one_of((True, False)),
            deletes_items=True,
            manual_turns=one_of((True, True, False)),
            images=one_of((True, True, False)),
            image_types=frozenset({"image/png"}),
            tells_speech=one_of((True, False)),
            holds_answers=True,
            resumes=one_of((True, False)),
            max_session_ms=one_of((None, None, 90_000)),
        )
        return Vendor(profile, self.log, self.chance, gives_ids=self.chance.random() < 0.8, is_over=self._is_over)

    def _is_over(self, session_id: str) -> bool:
        live = self.channel._live.find(session_id)
        return live is None or live.is_over

    def _agents(self) -> list[Agent]:
        if self.chance.random() < 0.5:
            return []
        own = self.chance.choice((None, self.other))
        return [
            Agent("front", system_prompt="front", handoffs=("billing",)),
            Agent("billing", system_prompt="billing", handoffs=("front",), greeting="billing here", provider=own),
        ]

    def _budget(self) -> Budget | None:
        one_of = self.chance.choice
        if self.chance.random() < 0.6:
            return None
        if self.chance.random() < 0.3:
            return Budget(max_tokens=200, on_exceeded="degrade", fallback=Agent("cheap", provider=self.other))
        return Budget(max_tokens=one_of((100, 500)), max_duration_s=60.0, farewell=one_of((None, "bye", "block bye")))

    def _room_budget(self) -> RoomBudget | None:
        if self.chance.random() < 0.7:
            return None
        return RoomBudget(Budget(max_tokens=self.chance.choice((200, 2_000)), max_duration_s=200.0, farewell="bye"))

    def _recording(self) -> Recording | None:
        starts: Any = self.chance.choice((None, None, "at_once", "on_request"))
        if starts is None:
            return None
        return Recording(directory=self.directory, tracks=self.chance.choice(("two", "mixed")), starts=starts)

    # --- hooks and tools ----------------------------------------------------------------------------------------------

    def _register_hooks(self) -> None:
        hook, kit = self.kit.hook, self.kit
        if self.judges:
            hook(HookTrigger.ON_TRANSCRIPTION, name="judge", timeout=60.0)(self.judge)
        for trigger in (HookTrigger.BEFORE_TTS, HookTrigger.BEFORE_BROADCAST):
            if self.chance.random() < 0.5:
                hook(trigger, name="judge", timeout=20.0)(self.judge)  # within the kit's process_timeout
        for trigger in (HookTrigger.BEFORE_TOOL_USE, HookTrigger.ON_TOOL_CALL):
            if self.chance.random() < 0.4:
                hook(trigger, name="judge", timeout=60.0)(self.judge_tool)
        observed = (HookTrigger.ON_BARGE_IN, HookTrigger.ON_TURN_COMPLETE, HookTrigger.ON_ERROR, HookTrigger.AFTER_TTS,
                    HookTrigger.ON_REALTIME_TEXT_INJECTED, HookTrigger.ON_SPEECH_START)  # fmt: skip
        for trigger in observed:
            if self.chance.random() < 0.3:
                hook(trigger, HookExecution.ASYNC)(self._observe)
        kit.hook(HookTrigger.ON_SESSION_STARTED)(lambda event, _: self.started.append(event.session.id))
        kit.hook(HookTrigger.ON_SESSION_ENDED)(lambda event, _: self.ended.append((event.session.id, event.reason)))
        kit.hook(HookTrigger.ON_RECORDING_STARTED)(lambda event, _: self.recordings.append(event))
        kit.hook(HookTrigger.ON_RECORDING_STOPPED)(lambda event, _: self.recordings.append(event))

    async def judge(self, event: Any, _: Any) -> HookResult | None:
        """Does what the words say."""
        words = event.text.split()
        if "inside" in words:
            await self.inside(getattr(event, "session", None))
        if "slow" in words:
            await asyncio.sleep(self.chance.choice((0.05, 0.4, 1.2)))
        if "hang" in words:
            await asyncio.sleep(1_000)
        if "crash" in words:
            raise RuntimeError("a hook of the user's broke")
        if "block" in words:
            return HookResult.block("not allowed")
        if "change" in words:
            return HookResult.modify(event.model_copy(update={"text": event.text.replace("change", "changed")}))
        if "empty" in words:
            return HookResult.modify(event.model_copy(update={"text": ""}))
        return None

    async def judge_tool(self, event: Any, _: Any) -> HookResult | None:
        """Blocks, hangs, or calls from inside, by the seed."""
        match self.chance.choice(("", "", "block", "slow", "crash", "inside")):
            case "block":
                return HookResult.block("no tools")
            case "slow":
                await asyncio.sleep(2.0)
            case "crash":
                raise RuntimeError("a hook of the user's broke")
            case "inside":
                await self.inside(event.session)
            case _:
                pass
        return None

    async def _observe(self, event: Any, _: Any) -> None:
        if self.chance.random() < 0.05:
            await self.inside(getattr(event, "session", None))

    def _tools(self) -> list[Tool]:
        parameters = {"type": "object", "properties": {"how": {"type": "string"}}}

        async def look(how: str = "") -> object:
            match how:
                case "slow":
                    await asyncio.sleep(3.0)
                case "hang":
                    await asyncio.sleep(1_000)
                case "crash":
                    raise RuntimeError("a tool of the user's broke")
                case "strange":
                    return {"x": {1, 2}, "half": "\ud83d"}
                case "inside":
                    await self.inside(self.view)
                case _:
                    pass
            return {"looked": how}

        return [Tool("look", "looks", parameters, look)]

    async def _nothing(self, _: VoiceSession | None) -> None:
        return

    # --- the call -----------------------------------------------------------------------------------------------------

    @property
    def view(self) -> VoiceSession | None:
        """The newest session, over or not."""
        return self.sessions[-1] if self.sessions else None

    @property
    def live(self) -> Session | None:
        """The newest session's inside, while it lasts."""
        view = self.view
        found = None if view is None else self.channel._live.find(view)
        return found if found is not None and found.is_live else None

    def link(self) -> VendorLink | None:
        """The provider link that serves the newest session."""
        if self.view is None:
            return None
        links = (vendor.link_of(self.view.id) for vendor in (*self.vendors, self.other))
        return next((link for link in links if link is not None), None)

    def _link_lost(self) -> None:
        """The session gives a link up, also one that only stalled: the next one may hear what it heard."""
        if (link := self.link()) is not None:
            link.was_lost = True

    def all_links(self) -> list[VendorLink]:
        """Every provider link there ever was."""
        return [link for vendor in (*self.vendors, self.other) for link in vendor.links]

    def next_number(self, kind: str) -> int:
        """1, 2, 3, …"""
        self.counters[kind] = self.counters.get(kind, 0) + 1
        return self.counters[kind]

    async def start(self) -> None:
        """The caller calls (again)."""
        view = await self.channel.start_session(ROOM, "caller")
        if view not in self.sessions:
            self.sessions.append(view)
        await self.note_permissions()

    async def note_permissions(self) -> None:
        """What the caller may do now, into the log."""
        binding = await self.kit.get_binding(ROOM, "voice")
        self.may_write = binding is not None and binding.can_write
        self.may_read = binding is not None and binding.agent_can_be_heard
        self.log.append(Entry("permit", "", (self.may_write, self.may_read)))

    def look(self) -> None:
        """Note what is gone when the call is: what of the caller's audio was counted as lost."""
        if (live := self.live) is not None:
            path = live.events.media.input
            self.counted_ms[live.view.id] = path.gated_ms + path.dropped_ms + path.held_ms

    def stop(self) -> None:
        """From now on hooks and tools do nothing that could begin another call."""
        self.inside = self._nothing

    async def attempt(self, name: str, work: Awaitable[object]) -> None:
        """Do something that may be refused, but neither hang nor break; also from inside a hook that is given up."""
        began_s = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(STUCK_AFTER_S):
                await work
        except RoomKitError as error:
            logger.debug("%s: %s", name, error)
        except TimeoutError:
            pass
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 -- a hook's exceptions go no further than its room's log
            self.failures.append(f"{name} raised {error!r}")
        finally:
            if asyncio.get_running_loop().time() - began_s > STUCK_AFTER_S - 1.0:
                self.failures.append(f"{name} hung")
