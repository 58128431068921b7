"""Conversations: messages to a prompt by the model's own template, replies to their parts.

Templates, pictures' placeholders, tool calls and reasoning are vLLM's to understand. Its
renderer and parsers are used one level below its HTTP answers: they want vLLM's own request
object, which is made here, field by field, and never from a client's text.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from serving.errors import FailedPrecondition, InvalidArgument
from serving.runtimes.vllm import counting, settings
from serving.runtimes.vllm.engine import Engine
from serving.runtimes.vllm.refusals import understood
from serving.runtimes.vllm.types import (
    Constraint,
    Conversation,
    Delta,
    Image,
    Message,
    ReplyDelta,
    Text,
    ToolCallDelta,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A conversation as the engine takes it; `request` is what vLLM's parsers ask for."""

    prompt: dict[str, Any]
    request: Any
    template: dict[str, Any]


class Conversations:
    """Renders and parses for one engine, by the parsers its options name."""

    def __init__(self, engine: Engine) -> None:
        """Raises FailedPrecondition for a parser vLLM does not have."""
        from vllm.renderers.online_renderer import OnlineRenderer

        options = engine.options
        self._engine = engine
        self._model = engine.llm.model_config
        self._tools = options.tool_parser is not None
        try:
            self._renderer = OnlineRenderer(
                self._model,
                engine.llm.renderer,
                request_logger=None,
                chat_template=None,
                chat_template_content_format="auto",
                enable_auto_tools=self._tools,
                tool_parser=options.tool_parser,
                tool_strict_level="parameter" if options.strict_tools else "auto",
                reasoning_parser=options.reasoning_parser,
            )
        except (KeyError, TypeError, ValueError):
            log.exception("vLLM has no such parser")
            raise FailedPrecondition(
                "tool_parser or reasoning_parser is unknown to vLLM", reason="PARSER"
            ) from None

    def warm_up(self) -> None:
        """Compiles the template, so that the first conversation does not wait for it."""
        self._renderer.warmup()

    async def reply(
        self,
        conversation: Conversation,
        *,
        tenant: str,
        adapter: str | None = None,
        priority: int = 0,
    ) -> AsyncIterator[ReplyDelta]:
        """Yields the reply as it comes; close the iterator to abort.

        Raises InvalidArgument, NotFound, Overloaded, Unavailable.
        """
        rendered = await self.render(conversation, tenant)
        parsers = [self._parser(rendered) for _ in range(conversation.sampling.n)]
        called = [False] * len(parsers)
        extra = self._reasoning(rendered, parsers[0])
        deltas = self._engine.generate(
            rendered.prompt,
            self._sampling(conversation, rendered),
            tenant=tenant,
            adapter=adapter,
            priority=priority,
            extra=extra,
        )
        async with aclosing(deltas):  # type: ignore[type-var]
            async for delta in deltas:
                understood = _parsed(parsers[delta.index], rendered, delta)
                called[delta.index] |= bool(understood.tool_calls)
                if understood.finish == "stop" and called[delta.index]:
                    understood = replace(understood, finish="tool_calls")
                yield understood

    async def render(self, conversation: Conversation, tenant: str) -> Rendered:
        """The template applied, pictures prepared, the text tokenised."""
        if conversation.tools and not self._tools:
            raise InvalidArgument.field("tools", "this model has no tools")
        images = [p for m in conversation.messages for p in m.parts if isinstance(p, Image)]
        if len(images) > self._engine.options.images:
            raise InvalidArgument.field(
                "messages", f"at most {self._engine.options.images} images; there are {len(images)}"
            )
        messages = [_message(message, tenant) for message in conversation.messages]
        # The prompt must leave room for at least one token.
        room = conversation.sampling.max_tokens or 1
        fields: dict[str, Any] = {"messages": [], "max_completion_tokens": room}
        if conversation.tools and conversation.choice != "none":
            fields |= {"tools": _tools(conversation), "tool_choice": _choice(conversation.choice)}
        if conversation.thinking is not None:
            fields["chat_template_kwargs"] = {"enable_thinking": conversation.thinking}
        if conversation.sampling.constraint:
            fields["structured_outputs"] = settings.constraint(conversation.sampling.constraint)
        with understood(self._engine.context, counted=not images):
            request = counting.request()(**fields)
            tools = [tool.model_dump() for tool in request.tools or ()] or None
            _, (prompt,) = await self._renderer.preprocess_chat(
                request,
                messages,
                default_template=None,
                default_template_content_format="auto",
                default_template_kwargs=None,
                tool_dicts=tools,
                parser=self._renderer.parser,
            )
        template = self._renderer.effective_chat_template_kwargs(request)
        return Rendered(dict(prompt), request, template)

    def _sampling(self, conversation: Conversation, rendered: Rendered) -> Any:
        """Parsers may have put a constraint of their own into the request: a tool's form."""
        found = rendered.request.extract_structured_outputs()
        if found is None or (found.structural_tag is None and found.json is None):
            return conversation.sampling
        if found.structural_tag is not None:
            made = Constraint("structural_tag", found.structural_tag)
        else:
            schema = found.json if isinstance(found.json, str) else json.dumps(found.json)
            made = Constraint("json", schema)
        return replace(conversation.sampling, constraint=made)

    def _parser(self, rendered: Rendered) -> Any:
        if self._renderer.parser is None:
            return None
        return self._renderer.parser(
            self._engine.llm.renderer.tokenizer,
            rendered.request.tools,
            chat_template_kwargs=rendered.template,
            model_config=self._model,
        )

    def _reasoning(self, rendered: Rendered, parser: Any) -> dict[str, Any]:
        """A constraint holds for what follows the reasoning; the engine must know where."""
        if parser is None or parser.reasoning_parser is None:
            return {}
        ids = rendered.prompt["prompt_token_ids"]
        return {
            "reasoning_ended": rendered.request.resolve_reasoning_ended(parser, ids),
            "reasoning_parser_kwargs": {"chat_template_kwargs": rendered.template},
        }


def _parsed(parser: Any, rendered: Rendered, delta: Delta) -> ReplyDelta:
    if parser is None:
        return ReplyDelta(delta.index, delta.text, "", (), delta.finish, delta)
    found = parser.parse_delta(
        delta_text=delta.text,
        delta_token_ids=list(delta.token_ids),
        request=rendered.request,
        prompt_token_ids=rendered.prompt["prompt_token_ids"],
        finished=delta.finish is not None,
    )
    if found is None:
        return ReplyDelta(delta.index, "", "", (), delta.finish, delta)
    calls = tuple(
        ToolCallDelta(
            call.index,
            call.id,
            call.function.name if call.function else None,
            (call.function.arguments or "") if call.function else "",
        )
        for call in found.tool_calls or ()
    )
    # The mark that opens it is left in where it comes in one delta with what follows.
    opens = getattr(parser.reasoning_parser, "start_token", "")
    reasoning = (found.reasoning or "").removeprefix(opens)
    return ReplyDelta(delta.index, found.content or "", reasoning, calls, delta.finish, delta)


def _message(message: Message, tenant: str) -> dict[str, Any]:
    parts = [_part(part, tenant) for part in message.parts]
    made: dict[str, Any] = {"role": message.role, "content": parts}
    if all(isinstance(part, Text) for part in message.parts):
        made["content"] = "".join(part.text for part in message.parts)  # type: ignore[union-attr]
    if message.tool_calls:
        made["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        made["tool_call_id"] = message.tool_call_id
    return made


def _part(part: Text | Image, tenant: str) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    from PIL import Image as Pillow

    # vLLM keeps prepared pictures by this name; with the tenant in it, a tenant cannot
    # find out by its speed what pictures another has shown.
    name = hashlib.sha256(f"{tenant}\0{part.digest}".encode()).hexdigest()
    return {"type": "image_pil", "image_pil": Pillow.fromarray(part.pixels), "uuid": name}


def _tools(conversation: Conversation) -> list[dict[str, Any]]:
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": dict(tool.parameters),
            },
        }
        for tool in conversation.tools
    ]


def _choice(choice: str) -> Any:
    if choice in ("auto", "none", "required"):
        return choice
    return {"type": "function", "function": {"name": choice}}
