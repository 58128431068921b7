"""Replicas in processes of their own on one database: they agree at once, and die without harm."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

import grpc
import pytest

from seom.pb.v1 import gallery_pb2 as pb
from tests.integration.gallery.conftest import Photo
from tests.integration.gallery.processes import ReplicaProcess
from tests.integration.gallery.tenants import Caller

pytestmark = pytest.mark.timeout(180)

Start = Callable[[], AbstractContextManager[ReplicaProcess]]


def test_a_change_through_one_is_seen_by_the_other(replica: Start, photo: Photo) -> None:

    def until(seen: Callable[[], Any], wanted: Any) -> None:
        begin = time.monotonic()
        while (found := seen()) != wanted:
            assert time.monotonic() - begin < 1, found

    with replica() as one, replica() as two:
        here, there = Caller(one.stub), Caller(two.stub)

        def nearest() -> str:
            request = pb.IdentifyRequest(gallery="kim", image=photo("obama3.jpg"), threshold=-1)
            (face,) = there(request).faces
            return str(face.person)

        here(pb.EnrollRequest(gallery="kim", person="Joe", images=[photo("biden.jpg")]))
        until(nearest, "Joe")
        here(pb.EnrollRequest(gallery="kim", person="Barack", images=[photo("obama.jpg")]))
        until(nearest, "Barack")
        here(pb.RenamePersonRequest(gallery="kim", person="Barack", new_name="B. Obama"))
        until(nearest, "B. Obama")
        here(pb.DeletePersonRequest(gallery="kim", person="B. Obama"))
        until(nearest, "Joe")
        here(pb.DeleteGalleryRequest(gallery="kim"))
        until(lambda: len(there(pb.ListGalleriesRequest()).galleries), 0)


def test_32_race_for_one_name(replica: Start, photo: Photo) -> None:
    def enrol(number: int) -> str:
        request = pb.EnrollRequest(gallery="race", person="Mina", images=[photo(number)])
        while True:
            try:
                callers[number % 2](request)
            except grpc.RpcError as error:
                if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
                    continue  # a queue is full: it shall be asked again
                return str(error.code().name)
            return "OK"

    with replica() as one, replica() as two, ThreadPoolExecutor(32) as threads:
        callers = [Caller(one.stub), Caller(two.stub)]
        ends = list(threads.map(enrol, range(32)))
        people = callers[0](pb.ListPersonsRequest(gallery="race")).persons
        callers[0](pb.DeleteGalleryRequest(gallery="race"))
    assert sorted(ends) == ["ALREADY_EXISTS"] * 31 + ["OK"]
    assert [(each.name, each.photograph_count) for each in people] == [("Mina", 1)]


def test_kill_9_in_the_middle_of_enrolments(replica: Start, photo: Photo) -> None:
    """What was acknowledged is there, what was not is there as a whole or not at all."""
    pictures = [photo(1), photo(2)]

    def request_of(name: str) -> pb.EnrollRequest:
        return pb.EnrollRequest(
            gallery="killed", person=name, images=pictures, request_id=name, keep_images=True
        )

    acknowledged: dict[str, str] = {}
    stopped: list[str] = []
    for life in range(2):
        with replica() as running:
            enrolled, lost = enrol_and_kill(running, f"P{life}", request_of)
        acknowledged |= enrolled
        stopped += lost
    with replica() as again:
        caller = Caller(again.stub)
        there = {each.name: each for each in everybody(caller, "killed")}
        assert set(acknowledged) <= set(there)
        assert {name: there[name].etag for name in acknowledged} == acknowledged
        assert {each.photograph_count for each in there.values()} == {2}
        exported = caller(pb.ExportGalleryRequest(gallery="killed"))
        assert len(exported) == 2 * len(there)
        assert {each.image for each in exported} == {each.encoded for each in pictures}
        # Who had no answer asks again by the same id, and is there once.
        for name in stopped:
            assert caller(request_of(name)).person.photograph_count == 2
        assert {each.name for each in everybody(caller, "killed")} == set(there) | set(stopped)
        caller(pb.DeleteGalleryRequest(gallery="killed"))


def enrol_and_kill(
    running: ReplicaProcess, prefix: str, request_of: Callable[[str], pb.EnrollRequest]
) -> tuple[dict[str, str], list[str]]:
    """Enrols from six threads and kills the replica; who was acknowledged, and who was not."""
    acknowledged: dict[str, str] = {}
    stopped: list[str] = []

    def enrol(thread: int) -> None:
        caller = Caller(running.stub)
        for number in range(10**6):
            name = f"{prefix}.{thread}.{number}"
            try:
                acknowledged[name] = caller(request_of(name)).person.etag
            except grpc.RpcError:
                stopped.append(name)
                return

    with ThreadPoolExecutor(6) as threads:
        enrolling = [threads.submit(enrol, thread) for thread in range(6)]
        while len(acknowledged) < 10 and not stopped:
            time.sleep(0.001)
        running.kill()
        for each in enrolling:
            each.result(30)
    assert len(acknowledged) >= 10
    assert len(stopped) == 6, "each was in the middle of one"
    return acknowledged, stopped


def everybody(caller: Caller, gallery: str) -> list[pb.Person]:
    found: list[pb.Person] = []
    token = ""
    while True:
        page = caller(pb.ListPersonsRequest(gallery=gallery, page_token=token, page_size=7))
        found += page.persons
        if not (token := page.next_page_token):
            return found
