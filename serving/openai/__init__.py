"""The OpenAI-compatible HTTP door: its bodies read, its answers written, its two ASGI apps.

    document   bytes → a JSON object, fields taken from it one by one
    asked      what bodies have in common
    chat, completions, embeddings   bodies → the families' own dataclasses
    answers, texts, envelope        results → objects and chunks
    errors     the exception tree → OpenAI's error objects
    names      `llama`, `llama@1`, `llama:persona`
    door       one replica's endpoints
    catalogue  control's: the list of models, and what the edge cannot route
    relay      a request on its way through another application
    web        the little of HTTP and ASGI that these need

The engine's own OpenAI layer is not used: it takes fields nobody here has bounds for.
"""
