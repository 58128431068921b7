"""What a language model can be asked, awaited: the part of `AsyncClient` for text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Unpack

from seom import chat
from seom._calls import AsyncCalls
from seom.call import Envelope, Metadata
from seom.chat import MOST_ROUNDS, STREAM_TIMEOUT, Exchange
from seom.generation import Sampling, Schema, form
from seom.messages import Message, Prompt, conversation, loaded
from seom.replies import Reply, Score
from seom.streams import AsyncReplyStream
from seom.tools import Toolbox, ToolLike


class AsyncChatMethods(AsyncCalls):
    """`ChatMethods`, awaited: the same arguments, results and errors."""

    async def chat(
        self,
        prompt: Prompt,
        *,
        model: str = "",
        adapter: str = "",
        system: str | None = None,
        schema: Schema | None = None,
        regex: str | None = None,
        choice: Sequence[str] | None = None,
        grammar: str | None = None,
        tools: Sequence[ToolLike] = (),
        tool_choice: str | ToolLike = "auto",
        max_rounds: int = MOST_ROUNDS,
        raise_tool_errors: bool = False,
        timeout: float | None = None,
        metadata: Metadata | None = None,
        **settings: Unpack[Sampling],
    ) -> Reply:
        """Asks a language model, or goes on with a conversation; see `Client.chat`.

        Tools may be asynchronous functions as well; plain ones run in a thread.
        """
        exchange = chat.chat(
            await loaded(conversation(prompt, system)),
            settings,
            form(schema, regex, choice, grammar),
            Toolbox(tools, raise_errors=raise_tool_errors, waits=False),
            model=model,
            adapter=adapter,
            tool_choice=tool_choice,
            max_rounds=max_rounds,
        )
        while True:
            reply, pending = exchange.take(await self._unary(exchange.call(), timeout, metadata))
            if not pending:
                return reply
            for call in pending:
                exchange.answer(call, await exchange.toolbox.run_async(call))

    def chat_stream(
        self,
        prompt: Prompt,
        *,
        model: str = "",
        adapter: str = "",
        system: str | None = None,
        schema: Schema | None = None,
        regex: str | None = None,
        choice: Sequence[str] | None = None,
        grammar: str | None = None,
        tools: Sequence[ToolLike] = (),
        tool_choice: str | ToolLike = "auto",
        max_rounds: int = MOST_ROUNDS,
        raise_tool_errors: bool = False,
        timeout: float | None = None,
        metadata: Metadata | None = None,
        **settings: Unpack[Sampling],
    ) -> AsyncReplyStream:
        """As `chat`, with the answer in pieces as it is generated; see `Client.chat_stream`.

        >>> import asyncio
        >>> async def main():
        ...     async with AsyncClient() as seom:
        ...         async with seom.chat_stream("Plan a picnic.") as stream:
        ...             async for delta in stream:
        ...                 print(delta.text, end="")
        >>> asyncio.run(main())
        Bread, cheese and a blanket.
        """
        exchange = chat.chat(
            (),
            settings,
            form(schema, regex, choice, grammar),
            Toolbox(tools, raise_errors=raise_tool_errors, waits=False),
            model=model,
            adapter=adapter,
            tool_choice=tool_choice,
            max_rounds=max_rounds,
        )
        return self._stream(exchange, conversation(prompt, system), timeout, metadata)

    async def complete(
        self,
        prompt: str | Sequence[int],
        *,
        model: str = "",
        adapter: str = "",
        schema: Schema | None = None,
        regex: str | None = None,
        choice: Sequence[str] | None = None,
        grammar: str | None = None,
        timeout: float | None = None,
        metadata: Metadata | None = None,
        **settings: Unpack[Sampling],
    ) -> Reply:
        """Continues a text, or token ids, as they are; see `Client.complete`."""
        exchange = chat.complete(
            prompt, settings, form(schema, regex, choice, grammar), model=model, adapter=adapter
        )
        return await self._unary(exchange.call(), timeout, metadata)

    def complete_stream(
        self,
        prompt: str | Sequence[int],
        *,
        model: str = "",
        adapter: str = "",
        schema: Schema | None = None,
        regex: str | None = None,
        choice: Sequence[str] | None = None,
        grammar: str | None = None,
        timeout: float | None = None,
        metadata: Metadata | None = None,
        **settings: Unpack[Sampling],
    ) -> AsyncReplyStream:
        """As `complete`, with the continuation in pieces; see `AsyncReplyStream`."""
        exchange = chat.complete(
            prompt, settings, form(schema, regex, choice, grammar), model=model, adapter=adapter
        )
        return self._stream(exchange, (), timeout, metadata)

    async def score(
        self,
        prompt: str | Sequence[int],
        *,
        model: str = "",
        adapter: str = "",
        timeout: float | None = None,
        metadata: Metadata | None = None,
    ) -> Score:
        """Tells how likely a model finds a text, token by token; see `Client.score`."""
        call = chat.score(prompt, model=model, adapter=adapter)
        return await self._unary(call, timeout, metadata)

    def _stream(
        self,
        exchange: Exchange,
        messages: Sequence[Message],
        timeout: float | None,
        metadata: Metadata | None,
    ) -> AsyncReplyStream:
        seconds = STREAM_TIMEOUT if timeout is None else timeout
        self._connection.envelope(exchange.request.model_name, seconds, metadata)  # is checked

        async def prepare() -> Exchange:
            exchange.begin(await loaded(messages))
            return exchange

        opened = partial(self._round, timeout=seconds, metadata=metadata)
        return AsyncReplyStream(prepare, opened, self._raise_if_closed)

    def _round(
        self, exchange: Exchange, *, timeout: float, metadata: Metadata | None
    ) -> tuple[Envelope, Any]:
        model = exchange.request.model_name
        envelope = self._connection.envelope(model, timeout, metadata)
        send = self._sender(exchange.stream)
        return envelope, send(
            exchange.request, timeout=envelope.timeout, metadata=envelope.metadata
        )
