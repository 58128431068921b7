"""What a language model can be asked, blocking: the part of `Client` for text.

What a request or a reply looks like is the business of `chat` and its neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Unpack

from seom import chat
from seom._calls import Calls
from seom.call import Envelope, Metadata
from seom.chat import MOST_ROUNDS, STREAM_TIMEOUT, Exchange
from seom.generation import Sampling, Schema, form
from seom.messages import Prompt, conversation
from seom.replies import Reply, Score
from seom.streams import ReplyStream
from seom.tools import Toolbox, ToolLike


class ChatMethods(Calls):
    """The methods for language models."""

    def chat(
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
        """Asks a language model, or goes on with a conversation.

        >>> from pathlib import Path
        >>> with Client() as seom:
        ...     reply = seom.chat("Plan a picnic.", model="llama", max_tokens=50)
        ...     memo = seom.chat([Path("street.jpg"), "Write a memo."], model="llava")
        >>> reply.text, reply.usage.completion_tokens
        ('Bread, cheese and a blanket.', 5)
        >>> memo.text
        'Two animals in the street.'

        A schema gives objects in the place of text; functions are called by the model when
        it needs them, and it answers with what they return.

        >>> def find_event(name: str) -> str:
        ...     "Finds a day in the family's calendar."
        ...     return "3 May"
        >>> with Client() as seom:
        ...     tags = seom.chat([Path("street.jpg"), "Tag it."], schema=dict).parsed
        ...     day = seom.chat("When is grandma's birthday?", tools=[find_event]).text
        >>> tags, day
        ({'tags': ['cat', 'dog']}, '3 May')

        Args:
            prompt: text; text and photos, `[photo, "What is it?"]`, for one message; or the
                messages so far, as `Message` or as dicts with its fields. Among parts a str
                is text: a photo is a pathlib.Path, bytes, an array or a PIL image.
            model: a chat model, or `name@version`; by default the server's own.
            adapter: one of the model's adapters (LoRA), by name.
            system: a system message to begin with.
            schema: a pydantic model class, a JSON Schema as a dict, or `dict` itself for any
                JSON object; `Reply.parsed` has the result.
            regex: what the whole answer must match.
            choice: texts of which the answer is one.
            grammar: a context-free grammar of the answer, in Lark's notation or EBNF.
            tools: functions, as `Tool.of` takes them, which are run when the model asks for
                it, in its order; or `Tool` without a function, for calls that come back in
                `Reply.tool_calls`. A round that calls any of these is left unrun.
            tool_choice: "auto", "none", "required", or the tool that must be called first.
            max_rounds: how often the model may ask for tools before it has to answer.
            raise_tool_errors: raises what a tool raises. By default the model is told.
            timeout: seconds for each round's answer, without the time of the tools.
            metadata: headers to send along, such as `{"traceparent": …}`.
            settings: of `Sampling`: max_tokens, min_tokens, temperature, top_p, top_k, min_p,
                presence_penalty, frequency_penalty, repetition_penalty, seed, stop, n,
                logprobs.

        Raises:
            OSError, TypeError, ValueError: before any call, for a prompt, tool or setting
                that is none.
            InvalidArgument: the server refuses a value, or the prompt is too long.
            NotFound: no such model or adapter.
            UnusableAnswer: the model still calls tools after `max_rounds`; and, from
                `Reply.parsed`, for text that does not fit the schema.
        """
        exchange = chat.chat(
            conversation(prompt, system),
            settings,
            form(schema, regex, choice, grammar),
            Toolbox(tools, raise_errors=raise_tool_errors, waits=True),
            model=model,
            adapter=adapter,
            tool_choice=tool_choice,
            max_rounds=max_rounds,
        )
        while True:
            reply, pending = exchange.take(self._unary(exchange.call(), timeout, metadata))
            if not pending:
                return reply
            for call in pending:
                exchange.answer(call, exchange.toolbox.run(call))

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
    ) -> ReplyStream:
        """As `chat`, with the answer in pieces as it is generated; see `ReplyStream`.

        >>> with Client() as seom:
        ...     with seom.chat_stream("Plan a picnic.") as stream:
        ...         print("".join(delta.text for delta in stream))
        Bread, cheese and a blanket.

        Leaving the block cancels what is left. With functions among the tools, what the
        model says between their rounds is in the stream, too.

        Args:
            timeout: seconds for each round's answer; ten minutes if it does not say.

        The others, and what is raised, as for `chat`.
        """
        exchange = chat.chat(
            conversation(prompt, system),
            settings,
            form(schema, regex, choice, grammar),
            Toolbox(tools, raise_errors=raise_tool_errors, waits=True),
            model=model,
            adapter=adapter,
            tool_choice=tool_choice,
            max_rounds=max_rounds,
        )
        return self._stream(exchange, timeout, metadata)

    def complete(
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
        """Continues a text, or token ids, as they are: no roles, no chat template.

        >>> with Client() as seom:
        ...     seom.complete("Once upon a time", max_tokens=4).text
        ' there was a girl'

        Arguments, and what is raised, as for `chat`.
        """
        exchange = chat.complete(
            prompt, settings, form(schema, regex, choice, grammar), model=model, adapter=adapter
        )
        return self._unary(exchange.call(), timeout, metadata)

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
    ) -> ReplyStream:
        """As `complete`, with the continuation in pieces; see `ReplyStream`."""
        exchange = chat.complete(
            prompt, settings, form(schema, regex, choice, grammar), model=model, adapter=adapter
        )
        return self._stream(exchange, timeout, metadata)

    def score(
        self,
        prompt: str | Sequence[int],
        *,
        model: str = "",
        adapter: str = "",
        timeout: float | None = None,
        metadata: Metadata | None = None,
    ) -> Score:
        """Tells how likely a model finds a text, or token ids, token by token.

        >>> with Client() as seom:
        ...     score = seom.score("Once upon a time")
        >>> [(each.token, each.logprob) for each in score.tokens]
        [(' upon', -0.5), (' a', -0.5), (' time', -0.5)]
        >>> f"{score.perplexity:.2f}"
        '1.65'
        """
        return self._unary(chat.score(prompt, model=model, adapter=adapter), timeout, metadata)

    def _stream(
        self, exchange: Exchange, timeout: float | None, metadata: Metadata | None
    ) -> ReplyStream:
        seconds = STREAM_TIMEOUT if timeout is None else timeout
        self._connection.envelope(exchange.request.model_name, seconds, metadata)  # is checked
        opened = partial(self._round, timeout=seconds, metadata=metadata)
        return ReplyStream(lambda: exchange, opened, lambda: self._closed)

    def _round(
        self, exchange: Exchange, *, timeout: float, metadata: Metadata | None
    ) -> tuple[Envelope, Any]:
        model = exchange.request.model_name
        envelope = self._connection.envelope(model, timeout, metadata)
        send = self._sender(exchange.stream)
        return envelope, send(
            exchange.request, timeout=envelope.timeout, metadata=envelope.metadata
        )
