from __future__ import annotations

import pytest

from serving.errors import Overloaded
from serving.scheduling.admission import Admission


def test_it_refuses_only_what_is_too_much():
    admission = Admission(queue=2, under_way=5)
    admission.check(waiting=1, under_way=4)
    with pytest.raises(Overloaded, match="2 requests wait"):
        admission.check(waiting=2, under_way=2)
    with pytest.raises(Overloaded):
        admission.check(waiting=0, under_way=5)


def test_the_slower_of_device_and_preparation_sets_the_delay():
    admission = Admission(queue=9, under_way=99)
    assert admission.retry_after(9) == pytest.approx(0.1)  # nothing measured yet
    admission.computed(items=8, seconds=0.8)
    assert admission.retry_after(4) == pytest.approx(0.5)
    admission.prepared(0.4, threads=2)
    assert admission.retry_after(4) == pytest.approx(1.0)


def test_the_delay_stays_within_reason():
    admission = Admission(queue=9, under_way=99)
    admission.computed(items=1, seconds=1e-6)
    assert admission.retry_after(1) == pytest.approx(0.01)
    for _ in range(50):
        admission.computed(items=1, seconds=100)
    assert admission.retry_after(1) == pytest.approx(30)
