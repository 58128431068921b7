"""The prepared entries that wait for the device, and the one place that picks the next batch."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable

from serving.scheduling.entry import Entry


class Waiting:
    """Entries grouped by batch key, in the order in which they came.

    Whoever prepares adds, the event loop discards, the compute thread takes. A batch is due
    when its group fills `max_rows`, or when the group's first entry has waited `max_delay`
    seconds. Of several due groups the one whose first entry is oldest goes first.
    """

    def __init__(self, *, max_rows: int, max_delay: float) -> None:
        self._max_rows = max_rows
        self._max_delay = max_delay
        self._groups: dict[Hashable, _Group] = {}
        self._changed = threading.Condition(threading.Lock())
        self._entries = 0
        self._closed = False
        self._expected: set[Entry] = set()

    def __len__(self) -> int:
        return self._entries

    @property
    def expected(self) -> int:
        """Entries that are still being prepared."""
        return len(self._expected)

    def expect(self, entry: Entry) -> None:
        with self._changed:
            self._expected.add(entry)

    def add(self, entry: Entry) -> None:
        """Takes in an expected entry, unless it has been discarded or its time is up."""
        entry.since = time.monotonic()
        with self._changed:
            if entry not in self._expected:
                return
            self._expected.remove(entry)
            if entry.gone or self._closed:
                return
            group = self._groups.get(entry.key)
            if group is None:
                group = self._groups[entry.key] = _Group()
            group.add(entry)
            self._entries += 1
            # Entries in between change neither when the group is due nor how.
            if len(group.entries) == 1 or group.rows >= self._max_rows:
                self._changed.notify()

    def discard(self, entry: Entry) -> None:
        """Takes an entry out that is not to be computed; nothing happens if it is not here."""
        with self._changed:
            self._expected.discard(entry)
            group = self._groups.get(entry.key)
            if group is not None and entry in group.entries:
                self._remove(group, entry)

    def take(self) -> list[Entry]:
        """Blocks until a batch is due and returns it; nothing once closed.

        Expired entries are left out: their callers' own timers answer them.
        """
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                group, due = self._next(now)
                if group is None or due > now:
                    self._changed.wait(None if group is None else due - now)
                elif batch := self._pick(group):
                    return batch
        return []

    def close(self) -> list[Entry]:
        """Ends `take`; returns what was still waiting."""
        with self._changed:
            left = [entry for group in self._groups.values() for entry in group.entries]
            self._groups.clear()
            self._entries = 0
            self._closed = True
            self._changed.notify_all()
        return left

    def _next(self, now: float) -> tuple[_Group | None, float]:
        """The group to compute next and when it is due."""
        best: _Group | None = None
        best_rank = (float("inf"), float("inf"))
        for group in self._groups.values():
            since = next(iter(group.entries)).since
            due = now if group.rows >= self._max_rows else max(since + self._max_delay, now)
            if (due, since) < best_rank:
                best, best_rank = group, (due, since)
        return best, best_rank[0]

    def _pick(self, group: _Group) -> list[Entry]:
        """The entries of the next batch: first come, first served, while they fit.

        Priorities or earliest deadlines would order the entries here, and nowhere else.
        """
        batch: list[Entry] = []
        rows = 0
        for entry in list(group.entries):
            if entry.gone:
                self._remove(group, entry)
                continue
            if rows + entry.rows > self._max_rows:
                break
            rows += entry.rows
            batch.append(entry)
            self._remove(group, entry)
        return batch

    def _remove(self, group: _Group, entry: Entry) -> None:
        group.remove(entry)
        self._entries -= 1
        if not group.entries:
            del self._groups[entry.key]


class _Group:
    """Entries that may share a batch; a dict, since it keeps order and removes in O(1)."""

    __slots__ = ("entries", "rows")

    def __init__(self) -> None:
        self.entries: dict[Entry, None] = {}
        self.rows = 0

    def add(self, entry: Entry) -> None:
        self.entries[entry] = None
        self.rows += entry.rows

    def remove(self, entry: Entry) -> None:
        del self.entries[entry]
        self.rows -= entry.rows
