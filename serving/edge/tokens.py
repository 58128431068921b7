"""The token file: who may call what; holds digests, never a token.

    tokens:
      - sha256: <hex digest of the token>
        tenant: acme
        scopes: [infer]        # infer, admin
        models: ["*"]          # or names; a name covers name@version

A key nobody knows is an error that names the file, the key and what is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from serving.edge import routes
from serving.edge.errors import EdgeError

SCOPES = ("infer", "admin")
ANY_MODEL = "*"
# The list of models travels in a header of every call.
_LONGEST_LIST = 4096


@dataclass(frozen=True)
class Token:
    """What the bearer of one token may do. `sha256` is in lower-case hex."""

    sha256: str
    tenant: str
    scopes: tuple[str, ...]
    models: tuple[str, ...]


def read(path: Path) -> tuple[Token, ...]:
    """The tokens of a file; raises EdgeError naming the file and the key that is wrong."""
    try:
        document = yaml.safe_load(path.read_text())
    except OSError as error:
        raise EdgeError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise EdgeError(f"{path}: no YAML: {error}") from error
    if not isinstance(document, dict) or set(document) != {"tokens"}:
        raise EdgeError(f"{path}: needs the key 'tokens' and no other")
    if not isinstance(document["tokens"], list):
        raise EdgeError(f"{path}: tokens: must be a list")
    tokens: dict[str, Token] = {}
    for index, entry in enumerate(document["tokens"]):
        where = f"{path}: tokens[{index}]"
        token = _token(where, entry)
        if token.sha256 in tokens:
            raise EdgeError(f"{where}.sha256: this digest is listed twice")
        tokens[token.sha256] = token
    return tuple(tokens.values())


def grants(tokens: Iterable[Token]) -> dict[str, str]:
    """The map HAProxy looks tokens up in.

    `<digest>` gives `tenant;scopes;models`; `<digest>/<model>` exists for every model
    the token may use by name. HAProxy's hex is upper-case, so the digests are.
    """
    entries = {}
    for token in tokens:
        digest = token.sha256.upper()
        entries[digest] = ";".join((token.tenant, ",".join(token.scopes), ",".join(token.models)))
        if token.models != (ANY_MODEL,):
            entries.update({f"{digest}/{model}": "1" for model in token.models})
    return entries


def _token(where: str, entry: Any) -> Token:
    allowed = [field.name for field in fields(Token)]
    if not isinstance(entry, dict):
        raise EdgeError(f"{where}: must be a mapping with the keys {', '.join(allowed)}")
    if unknown := [str(key) for key in entry if key not in allowed]:
        raise EdgeError(f"{where}: unknown {', '.join(unknown)}; allowed: {', '.join(allowed)}")
    if missing := [key for key in allowed if key not in entry]:
        raise EdgeError(f"{where}: {', '.join(missing)} missing; needed: {', '.join(allowed)}")
    digest, tenant = entry["sha256"], entry["tenant"]
    if not isinstance(digest, str) or not re.fullmatch(r"[0-9a-fA-F]{64}", digest):
        raise EdgeError(f"{where}.sha256: must be 64 hexadecimal digits, in quotes")
    if not isinstance(tenant, str) or not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", tenant):
        raise EdgeError(f"{where}.tenant: must be 1 to 64 letters, digits, '.', '_' or '-'")
    scopes = _words(f"{where}.scopes", entry["scopes"])
    if wrong := [scope for scope in scopes if scope not in SCOPES]:
        raise EdgeError(f"{where}.scopes: unknown {wrong}; allowed: {', '.join(SCOPES)}")
    models = _words(f"{where}.models", entry["models"])
    if wrong := [name for name in models if name != ANY_MODEL and not routes.ROUTE.fullmatch(name)]:
        raise EdgeError(f"{where}.models: {wrong}; allowed: names, name@version, or '*' alone")
    if ANY_MODEL in models and len(models) > 1:
        raise EdgeError(f"{where}.models: '*' stands alone")
    if len(",".join(models)) > _LONGEST_LIST:
        raise EdgeError(f"{where}.models: longer than {_LONGEST_LIST} characters; use '*'")
    return Token(digest.lower(), tenant, scopes, models)


def _words(where: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(word, str) for word in value):
        raise EdgeError(f"{where}: must be a list of at least one word")
    if len(set(value)) != len(value):
        raise EdgeError(f"{where}: a word is listed twice")
    return tuple(value)
