"""kill -9 in the middle of enrolments: nothing acknowledged is lost, nothing is half there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from serving.gallery.database import Database
from serving.gallery.store import Store
from serving.gallery.types import Limits, Place

ROOT = Path(__file__).parents[3]


def test_kill(url: str) -> None:
    acknowledged: list[str] = []
    for after in (1, 7, 20):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.unit.gallery.enroller", url, str(1000 * after)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        acknowledged += [process.stdout.readline().strip() for _ in range(after)]
        process.kill()
        acknowledged += process.stdout.read().split()
        process.wait()
    store = Store(Database(url), Limits(), "m@1")
    place = Place("killed", "kim")
    there = {each.name: each.count for each in store.persons(place, 0, 10**6)}
    assert set(acknowledged) <= set(there)
    assert len(there) <= len(acknowledged) + 3, "at most one each was not acknowledged yet"
    assert set(there.values()) == {2}
    assert len(list(store.export(place))) == 2 * len(there)
    store.database.close()
