"""The exception tree in OpenAI's words: each status has its own in HTTP."""

from __future__ import annotations

import pytest

from serving import errors
from serving.openai.errors import HTTP, error_object, told


def test_every_failure_has_a_status():
    assert set(HTTP) == set(errors.Status) - {errors.Status.OK}


REFUSED, LIMITED = "invalid_request_error", "rate_limit_error"
AUTHENTICATION, PERMISSION = "authentication_error", "permission_error"


@pytest.mark.parametrize(
    ("error", "status", "kind", "param", "code"),
    [
        (errors.InvalidArgument.field("n", "is 9"), 400, REFUSED, "n", "invalid_argument"),
        (errors.Unauthenticated("x"), 401, AUTHENTICATION, None, "invalid_api_key"),
        (errors.PermissionDenied("x", reason="NO"), 403, PERMISSION, None, "no"),
        (errors.NotFound("x", reason="MODEL_NOT_FOUND"), 404, REFUSED, "model", "model_not_found"),
        (errors.Overloaded("x", retry_after=1.2), 429, LIMITED, None, "queue_full"),
        (errors.Cancelled("x"), 499, "cancelled", None, "cancelled"),
        (errors.Internal("x"), 500, "server_error", None, "internal"),
        (errors.Unimplemented("x"), 501, "server_error", None, "unimplemented"),
        (errors.Unavailable("x"), 503, "server_error", None, "unavailable"),
        (errors.DeadlineExceeded("x"), 504, "timeout", None, "deadline_exceeded"),
    ],
)
def test_an_error_is_told(error, status, kind, param, code):
    found = {"message": error.message, "type": kind, "param": param, "code": code}
    assert told(error)[:2] == (status, {"error": found})


def test_who_may_come_again_is_told_when():
    assert told(errors.Overloaded("x", retry_after=1.2))[2] == [
        ("retry-after", "2"),
        ("retry-after-ms", "1200"),
    ]
    assert told(errors.Unavailable("x", retry_after=0.1))[2][0] == ("retry-after", "1")
    assert told(errors.Internal("x"))[2] == []
    assert told(errors.Unimplemented("x"))[2] == [("x-should-retry", "false")]


def test_a_refusal_of_https_own():
    found = error_object("x", 415, "NOT_JSON")["error"]
    assert (found["type"], found["code"]) == ("invalid_request_error", "not_json")
