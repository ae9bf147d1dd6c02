"""What a row holds: models as JSON, beside the columns one searches by. Shared by the stores that are databases.

Not in here: SQL. Invariant: what `json_of` wrote, `room_of` and `event_of` read back as it was.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, from_json, to_json

from roomkit.errors import StoreError
from roomkit.models.enums import EventStatus
from roomkit.models.event import DeliveryResult, RoomEvent
from roomkit.models.room import Room


def json_of(model: BaseModel) -> str:
    """The model as JSON.

    Raises:
        StoreError: It holds something JSON cannot carry.
    """
    try:
        return model.model_dump_json()
    except PydanticSerializationError as error:
        raise StoreError(f"{type(model).__name__} holds something JSON cannot carry: {error}") from error


def deliveries_json(results: Mapping[str, DeliveryResult]) -> str:
    """Deliveries by channel id as JSON."""
    return to_json(dict(results)).decode()


def room_of(body: str, event_count: int) -> Room:
    """The room of a row: the counter is kept beside the body."""
    return Room.model_validate_json(body).model_copy(update={"event_count": event_count})


def event_of(index: int, status: str, deliveries: str, body: str) -> RoomEvent:
    """The event of a row: what changes after it was stored is kept beside the body."""
    results = {name: DeliveryResult.model_validate(result) for name, result in from_json(deliveries).items()}
    changes = {"index": index, "status": EventStatus(status), "delivery_results": results}
    return RoomEvent.model_validate_json(body).model_copy(update=changes)
