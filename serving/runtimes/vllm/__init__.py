"""vLLM: one engine for one model folder, and what vLLM calls a chat around it.

options        the keys of model.yaml an engine takes
types          requests and answers as plain data; nothing here needs vLLM installed
engine         the engine: generate, embed, classify, score, adapters, life and death
progress       whether it still gets anywhere
conversation   messages to prompts, replies to text, reasoning and tool calls
descend        how the engine's processes die with the one that owns them
"""
