"""A language model that always says the same, behind the real ChatService.

What it does is chosen by the last thing said to it: some prompts have answers of their own,
`call NAME {json}` lines ask for tools, other text is said back. Words are its tokens.

Models: `thinker` reasons first, `insistent` calls the first tool whatever happens, `lost` and
`broken` end their streams after one piece, with CANCELLED and INTERNAL; `endless` never ends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import grpc

from seom.pb.v1 import chat_pb2 as pb
from seom.pb.v1 import chat_pb2_grpc

if TYPE_CHECKING:
    from .server import Server

ANSWERS = {
    "Plan a picnic.": "Bread, cheese and a blanket.",
    "Write a memo.": "Two animals in the street.",
    "Tag it.": '{"tags": ["cat", "dog"]}',
    "Tag it badly.": '{"tags": "cat',
    "Once upon a time": " there was a girl",
    "Be silent.": "",
}
CALLS = {"When is grandma's birthday?": 'call find_event {"name": "grandma\'s birthday"}'}
ENDS = {"lost": grpc.StatusCode.CANCELLED, "broken": grpc.StatusCode.INTERNAL}
GENERATION = pb.GenerationTiming(
    queue_ns=4_000_000, first_token_ns=30_000_000, per_token_ns=2_000_000
)
LOGPROB = -0.5


class Chat(chat_pb2_grpc.ChatServiceServicer):
    def __init__(self, server: Server) -> None:
        self.server = server

    def Chat(self, request: Any, context: Any) -> Any:
        self._arrive(request, context, "Chat")
        return self._whole(request, chat_answer(request))

    def ChatStream(self, request: Any, context: Any) -> Iterator[Any]:
        self._arrive(request, context, "ChatStream")
        return self._pieces(request, context, chat_answer(request))

    def Complete(self, request: Any, context: Any) -> Any:
        self._arrive(request, context, "Complete")
        return self._whole(request, pb.Answer(text=continuation(request)))

    def CompleteStream(self, request: Any, context: Any) -> Iterator[Any]:
        self._arrive(request, context, "CompleteStream")
        return self._pieces(request, context, pb.Answer(text=continuation(request)))

    def Score(self, request: Any, context: Any) -> Any:
        self._arrive(request, context, "Score")
        tokens = words(request.text) or [str(each) for each in request.token_ids.ids]
        response = pb.ScoreResponse(
            model_name=request.model_name or "llama", model_version="1", timing=self.server.timing
        )
        response.tokens.extend(logprob(each) for each in tokens[1:])
        response.total = LOGPROB * len(tokens[1:])
        response.usage.prompt_tokens = len(tokens)
        return response

    def _arrive(self, request: Any, context: Any, method: str) -> None:
        # A copy: the request is remembered as it came.
        seen = type(request)()
        seen.CopyFrom(request)
        context.add_callback(self.server.cancelled.set)
        self.server.arrive(context, seen, method, request.model_name)

    def _whole(self, request: Any, answer: Any) -> Any:
        """The answer, `n` times, with the number of each but the first before it."""
        response = pb.ChatResponse(
            model_name=request.model_name or "llama",
            model_version="1",
            usage=usage(request, answer),
            generation=GENERATION,
            timing=self.server.timing,
        )
        for index in range(request.sampling.n or 1):
            each = response.answers.add()
            each.CopyFrom(answer)
            each.text = f"{index}: {answer.text}" if index else answer.text
            if not each.finish_reason:
                each.finish_reason = pb.FINISH_REASON_STOP
            if request.sampling.HasField("logprobs"):
                each.logprobs.extend(logprob(token, top=True) for token in words(each.text))
        return response

    def _pieces(self, request: Any, context: Any, answer: Any) -> Iterator[Any]:
        """The whole answer, word by word, the answers taking turns; then usage and timing."""
        whole = self._whole(request, answer)
        model = whole.model_name
        yield pb.ChatDelta(model_name=model, model_version="1")
        while model == "endless" and context.is_active():
            yield pb.ChatDelta(text="on and ")
        for index, each in enumerate(whole.answers):
            speaks = pb.Message.ASSISTANT
            if each.reasoning:
                yield pb.ChatDelta(index=index, reasoning=each.reasoning, role=speaks)
                speaks = pb.Message.ROLE_UNSPECIFIED
            for place, token in enumerate(words(each.text)):
                logprobs = each.logprobs[place : place + 1]
                yield pb.ChatDelta(index=index, text=token, logprobs=logprobs, role=speaks)
                speaks = pb.Message.ROLE_UNSPECIFIED
                if model in ENDS:
                    context.abort(ENDS[model], "the stream is over")
            for place, call in enumerate(each.tool_calls):
                middle = len(call.arguments) // 2
                yield pieces(index, place, call.arguments[:middle], id=call.id, name=call.name)
                yield pieces(index, place, call.arguments[middle:])
            yield pb.ChatDelta(index=index, finish_reason=each.finish_reason)
        yield pb.ChatDelta(usage=whole.usage, generation=GENERATION, timing=whole.timing)


def pieces(index: int, place: int, arguments: str, **more: str) -> Any:
    delta = pb.ChatDelta(index=index)
    delta.tool_calls.add(index=place, arguments=arguments, **more)
    return delta


def chat_answer(request: Any) -> Any:
    """What is said to the last message: by its tool calls, its form, or its words."""
    last = request.messages[-1]
    reasoning = "Let me see." if request.model_name == "thinker" else ""
    asked = prompt(last)
    wanted = re.findall(r"call (\S+) (.*)", CALLS.get(asked, asked))
    if request.model_name == "insistent":
        wanted = [(request.tools[0].name, "{}")]
    elif last.role == pb.Message.TOOL:
        results = []
        for each in reversed(request.messages):
            if each.role != pb.Message.TOOL:
                break
            results.append(prompt(each))
        return pb.Answer(text="; ".join(reversed(results)), reasoning=reasoning)
    if request.tools and wanted and request.tool_choice.mode != pb.ToolChoice.NONE:
        answer = pb.Answer(finish_reason=pb.FINISH_REASON_TOOL_CALLS, reasoning=reasoning)
        for number, (name, arguments) in enumerate(wanted):
            answer.tool_calls.add(id=f"call-{number}", name=name, arguments=arguments)
        return answer
    return cut(formed(request.format, asked), request.sampling, reasoning)


def formed(form: Any, asked: str) -> str:
    if form.WhichOneof("kind") == "choice":
        return str(form.choice.texts[0])
    if form.WhichOneof("kind") in ("regex", "grammar"):
        return "2026-05-03"
    if form.WhichOneof("kind") == "json_schema" and asked not in ANSWERS:
        return json.dumps(dict.fromkeys(json.loads(form.json_schema)["properties"], "cat"))
    return ANSWERS.get(asked, f"You said: {asked}")


def cut(text: str, sampling: Any, reasoning: str = "") -> Any:
    kept = words(text)[: sampling.max_tokens or None]
    whole = len(kept) == len(words(text))
    reason = pb.FINISH_REASON_STOP if whole else pb.FINISH_REASON_LENGTH
    return pb.Answer(text="".join(kept), reasoning=reasoning, finish_reason=reason)


def continuation(request: Any) -> str:
    text = request.text or " ".join(map(str, request.token_ids.ids))
    return str(cut(ANSWERS.get(text, f" {text}"), request.sampling).text)


def prompt(message: Any) -> str:
    """The words of a message; a picture stands for itself by being there."""
    return "".join(part.text for part in message.parts)


def words(text: str) -> list[str]:
    return re.findall(r"\s*\S+|\s+$", text)


def usage(request: Any, answer: Any) -> Any:
    said = getattr(request, "messages", ())
    count = sum(len(words(prompt(each))) for each in said)
    return pb.Usage(
        prompt_tokens=count, cached_tokens=count // 2, completion_tokens=len(words(answer.text))
    )


def logprob(token: str, *, top: bool = False) -> Any:
    made = pb.TokenLogprob(token=token, bytes=token.encode(), logprob=LOGPROB)
    if top:
        made.top.add(token=token, bytes=token.encode(), logprob=LOGPROB)
        made.top.add(token="?", bytes=b"?", logprob=-2.0)
    return made
