"""Enrols people one after the other and prints each as it is acknowledged; to be killed."""

from __future__ import annotations

import sys

from serving.gallery.database import Database
from serving.gallery.store import Store
from serving.gallery.types import Limits, Place, Request
from tests.unit.gallery.conftest import photo

store = Store(Database(sys.argv[1]), Limits(), "m@1")
for number in range(int(sys.argv[2]), 10**6):
    name = f"P{number}"
    store.enrol(Place("killed", "kim"), name, [photo(number), photo(number + 1)], Request(name))
    print(name, flush=True)
