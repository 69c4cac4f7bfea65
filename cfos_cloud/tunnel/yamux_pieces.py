"""What a stream brings in many pieces, as one."""

from __future__ import annotations

from cfos_cloud.tunnel.yamux_events import Data, Event, Fin, Reset


def joined(events: list[Event]) -> list[Event]:
    """
    ``events`` with the data of each stream in one piece: before its end, or behind all
    else. A peer may send each byte in a frame of its own, and whoever takes them pays
    for each piece.
    """
    pieces: dict[int, list[bytes]] = {}
    found: list[Event] = []
    for event in events:
        if type(event) is Data:
            pieces.setdefault(event.stream_id, []).append(event.data)
            continue
        if type(event) is Fin or type(event) is Reset:
            before = pieces.pop(event.stream_id, None)
            if before is not None:
                found.append(Data(event.stream_id, b"".join(before)))
        found.append(event)
    found += [Data(stream_id, b"".join(each)) for stream_id, each in pieces.items()]
    return found
