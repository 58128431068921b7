"""The HTTP door of the edge, rendered into HAProxy's language; refuses in OpenAI's JSON.

`web.cfg` beside this module is the text; this module only fills in its blanks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from string import Template

from serving.edge import routes
from serving.edge.config import EdgeConfig, grant, lines, may_use, silence, slots
from serving.edge.refusals import REFUSALS
from serving.openai.errors import error_object

_RETRY_AFTER = (429, 503)


@dataclass(frozen=True)
class WebRefusal:
    """A status of HTTP's and a sentence for the client; `%[…]` is filled in by HAProxy."""

    status: int
    reason: str
    message: str

    def reply(self) -> str:
        """What follows `http-request return` or `http-error`."""
        body = json.dumps(error_object(self.message, self.status, self.reason))
        quoted = body.replace("\\", "\\\\").replace('"', '\\"')
        again = " hdr retry-after 1" if self.status in _RETRY_AFTER else ""
        return f'status {self.status} content-type application/json lf-string "{quoted}"{again}'


# The requests the rules of `web.cfg` turn away.
WEB_REFUSALS = {
    refusal.reason: refusal
    for refusal in (
        WebRefusal(
            401,
            "UNAUTHENTICATED",
            "no valid token: send the header 'authorization: Bearer TOKEN'",
        ),
        WebRefusal(403, "SCOPE_MISSING", REFUSALS["SCOPE_MISSING"].message),
        WebRefusal(403, "MODEL_NOT_ALLOWED", REFUSALS["MODEL_NOT_ALLOWED"].message),
        WebRefusal(403, "HOST_UNKNOWN", "without tokens this address answers to loopback names"),
        WebRefusal(404, "METHOD_UNKNOWN", "there is no such endpoint here"),
        WebRefusal(405, "METHOD_NOT_ALLOWED", "POST asks a model, GET lists them"),
        WebRefusal(415, "NOT_JSON", "send JSON, as 'content-type: application/json' says"),
        WebRefusal(
            404,
            "MODEL_NOT_FOUND",
            "no model '%[var(txn.model)]'; /v1/models lists those there are",
        ),
        WebRefusal(413, "MESSAGE_TOO_LARGE", REFUSALS["MESSAGE_TOO_LARGE"].message),
    )
}


def render(config: EdgeConfig) -> str:
    """The part of HAProxy's configuration that is the HTTP door; empty where it is closed."""
    if config.http_address is None:
        return ""
    text = (resources.files("serving.edge") / "web.cfg").read_text()
    tls = " ssl crt {} alpn h2,http/1.1 ssl-min-ver TLSv1.2" if config.certificate else ""
    return Template(text).substitute(
        {reason: refusal.reply() for reason, refusal in WEB_REFUSALS.items()},
        bind=f"{config.http_address}{tls.format(config.pem)} tcp-ut 30s",
        errors=_errors(),
        silence=silence(config),
        grant=_grant(config),
        endpoints=" ".join(routes.WEB_PATHS),
        # A name and a colon and an adapter's name.
        longest=2 * routes.LONGEST_ROUTE,
        allowed=may_use(config, ("base", "bare")),
        directory=config.directory,
        control=routes.CONTROL_APPLICATION,
        control_backend=routes.CONTROL_WEB_BACKEND,
        secret=config.secret,
        servers=config.servers_per_slot,
        slots=slots(routes.WEB_SLOT, config.http_slots, "web", config),
    )


def _errors() -> str:
    """What HAProxy itself answers with, by its own statuses."""
    own = (
        WEB_REFUSALS.get(refusal.reason)
        or WebRefusal(refusal.http, refusal.reason, refusal.message)
        for refusal in REFUSALS.values()
        if refusal.http
    )
    ordered = sorted(own, key=lambda refusal: refusal.status)
    return lines(f"http-error {refusal.reply()}" for refusal in ordered)


def _grant(config: EdgeConfig) -> str:
    if config.tokens is not None:
        return grant(config, WEB_REFUSALS["UNAUTHENTICATED"].reply())
    # A page in a browser on this machine may reach a loopback address under a name of its
    # owner's making (DNS rebinding).
    loopback = "req.fhdr(host),host_only -m str -i 127.0.0.1 localhost [::1] ::1"
    refusal = WEB_REFUSALS["HOST_UNKNOWN"].reply()
    rule = f"http-request return {refusal} unless {{ {loopback} }}"
    return f"{lines((rule,))}\n{grant(config, '')}"
