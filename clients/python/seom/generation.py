"""How text is to be made: the settings of sampling, and the form an answer must have.

Values are the server's to judge; refused here is only what cannot be said at all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypedDict

from seom.pb.v1 import chat_pb2 as pb

# A JSON Schema, a pydantic model class, or `dict` itself for any JSON object.
Schema: TypeAlias = Mapping[str, Any] | type[Any]


class Sampling(TypedDict, total=False):
    """How the next token is chosen; what is left out or None is the model's own setting.

    max_tokens: the answer's length at most
    min_tokens: and at least
    temperature: 0 (always the likeliest) to 2
    top_p: only the likeliest tokens that have this probability together; above 0, up to 1
    top_k: only so many of the likeliest; 0 is all
    min_p: only tokens at least so likely, relative to the likeliest; 0 to 1
    presence_penalty, frequency_penalty: against saying a thing again, -2 to 2
    repetition_penalty: the same as a factor, above 0, up to 2
    seed: makes answers repeatable
    stop: up to 16 texts at which an answer ends; they are not part of it
    n: how many answers, 1 to 8
    logprobs: how many of the likeliest tokens to tell at each place, 0 to 20
    """

    max_tokens: int | None
    min_tokens: int | None
    temperature: float | None
    top_p: float | None
    top_k: int | None
    min_p: float | None
    presence_penalty: float | None
    frequency_penalty: float | None
    repetition_penalty: float | None
    seed: int | None
    stop: str | Sequence[str]
    n: int | None
    logprobs: int | None


def sampling(settings: Sampling) -> pb.Sampling:
    """The settings as their message.

    Raises TypeError for a setting there is not and for values of the wrong type, and
    ValueError for integers the wire cannot carry.
    """
    made = pb.Sampling()
    for name, value in settings.items():
        if name not in Sampling.__annotations__:
            known = ", ".join(Sampling.__annotations__)
            raise TypeError(f"{name}: is no argument; the settings of sampling are {known}")
        if value is None:
            continue
        try:
            if name == "stop":
                made.stop.extend([value] if isinstance(value, str) else value)  # type: ignore[arg-type]
            else:
                setattr(made, name, value)
        except TypeError:
            raise TypeError(f"{name}: {value!r} is of the wrong type") from None
        except ValueError:
            raise ValueError(f"{name}: {value!r} is out of range") from None
    return made


@dataclass(frozen=True, slots=True)
class Format:
    """The form an answer must have.

    message: None for free text
    read: what makes an answer's text the caller's own object; raises what it likes
    """

    message: pb.Format | None = None
    read: Callable[[str], Any] | None = None


def form(
    schema: Schema | None,
    regex: str | None,
    choice: Sequence[str] | None,
    grammar: str | None,
) -> Format:
    """The one form that is asked for.

    Raises ValueError for several at once, TypeError for a schema or choice that is none.
    """
    given = {"schema": schema, "regex": regex, "choice": choice, "grammar": grammar}
    asked = [name for name, value in given.items() if value is not None]
    if len(asked) > 1:
        raise ValueError(f"{' and '.join(asked)}: an answer can have one form only")
    if schema is not None:
        return _of_schema(schema)
    if regex is not None:
        return Format(pb.Format(regex=regex))
    if grammar is not None:
        return Format(pb.Format(grammar=grammar))
    if choice is not None:
        if isinstance(choice, str):
            raise TypeError(f"choice: give a sequence, ({choice!r}, …), not one str")
        return Format(pb.Format(choice=pb.Choices(texts=choice)))
    return Format()


def _of_schema(schema: Any) -> Format:
    if schema is dict:
        return Format(pb.Format(json_object=True), json.loads)
    if isinstance(schema, Mapping):
        return Format(pb.Format(json_schema=json.dumps(schema, ensure_ascii=False)), json.loads)
    # A pydantic model, or whatever else speaks like one: the SDK does not depend on it.
    describe = getattr(schema, "model_json_schema", None)
    read = getattr(schema, "model_validate_json", None)
    if not isinstance(schema, type) or not callable(describe) or not callable(read):
        raise TypeError(
            "schema: give a pydantic model class, a JSON Schema as a dict, or dict itself, "
            f"not {schema!r}"
        )
    return Format(pb.Format(json_schema=json.dumps(describe(), ensure_ascii=False)), read)
