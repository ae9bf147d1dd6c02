"""What the next link is still owed beside the conversation: words to be said, pictures, a turn taken by hand.

Pure. A picture shown or a turn ended while no link is up waits here; what the agent is to say (a greeting) until it
began to. Not in here: the caller's audio (`input`), answers that are owed (`events`).
"""

from __future__ import annotations

from typing import Final

from roomkit.voice.realtime.commands import BeginInput, Command, CommitInput, InjectImage, Speak

MAX_IMAGES: Final = 4
"""Pictures kept while no link is up; older ones are of what was."""


class Unsent:
    """What one session's links have not taken yet."""

    def __init__(self) -> None:
        self._to_say: list[Speak] = []
        self._being_said: Speak | None = None
        self._images: list[InjectImage] = []
        self._is_in_turn = False
        self._owes_commit = False

    @property
    def is_to_say(self) -> bool:
        """Whether the agent is to say something it has not begun."""
        return bool(self._to_say)

    def note(self, command: Command, *, is_up: bool) -> None:
        """A command was given to the link, if one was up."""
        match command:
            case Speak():
                self._to_say.append(command)
            case InjectImage() if not is_up:
                self._images = [*self._images, command][-MAX_IMAGES:]
            case BeginInput():
                self._is_in_turn, self._owes_commit = True, False
            case CommitInput():
                self._owes_commit = self._is_in_turn and not is_up
                self._is_in_turn = self._owes_commit
            case _:
                pass

    def answer_began(self) -> None:
        """The agent began an answer; what was to be said first is being said."""
        self._being_said = self._to_say.pop(0) if self._to_say else None

    def answer_ended(self) -> None:
        """It was said."""
        self._being_said = None

    def link_lost(self, *, is_heard: bool) -> None:
        """The link is gone. What it was saying is to be said again, unless something of it was heard."""
        if self._being_said is not None and not is_heard:
            self._to_say.insert(0, self._being_said)
        self._being_said = None

    def recalled(self) -> None:
        """The next link hears the audio of the caller's last turn by hand again: it goes with its beginning and end."""
        if not self._is_in_turn:
            self._is_in_turn = self._owes_commit = True

    def before_audio(self) -> list[Command]:
        """For a new link, before it hears the caller."""
        return [BeginInput()] if self._is_in_turn else []

    def after_audio(self) -> list[Command]:
        """For a new link, once it has what the caller said meanwhile."""
        commands: list[Command] = [*self._images, *self._to_say]
        if self._owes_commit:
            self._is_in_turn = self._owes_commit = False
            commands.insert(0, CommitInput())
        self._images.clear()
        return commands
