"""Checkpoints of llama2.c as Hugging Face lays them out; refuses those vLLM could not run.

The file's layout is that of llama2.c's first export: seven int32 (dim, hidden, layers,
heads, key-value heads, vocabulary, context), then float32 tensors, each kind for all layers.
Two things differ from Hugging Face's Llama:

- rotary pairs lie side by side there, half a head apart here;
- heads may be small (8 numbers in stories260K), and vLLM takes no fewer than 32 on a CPU.
  A head of 8 is padded with zeros; its pair i moves to pair 4i, where a head of 32 turns by
  the very same angle, and queries are doubled because attention is divided by √32 in place
  of √8. Powers of two all of it, so the result is exact.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.errors import FailedPrecondition

Weights = dict[str, NDArray[np.float32]]

HEAD = 32
_TEMPLATE = "{% for message in messages %}{{ message.content }}{% endfor %}"


def convert(weights: Path, tokens: Path, folder: Path) -> None:
    """Writes config.json, model.safetensors and a tokenizer into the folder.

    weights, tokens: as llama2.c reads them, such as stories260K.bin and tok512.bin

    Raises FailedPrecondition for heads it cannot pad, or a file of another kind.
    """
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    data = weights.read_bytes()
    dim, inner, layers, heads, kv_heads, vocabulary, context = struct.unpack("7i", data[:28])
    numbers = np.frombuffer(data, np.float32, offset=28)
    size, place = dim // max(heads, 1), 0
    if size not in (8, 32) or len(data) < 28 + 4 * vocabulary * dim:
        raise FailedPrecondition(
            "the weights are no llama2.c checkpoint with heads of 8 or 32", reason="WEIGHTS"
        )

    def take(*shape: int) -> NDArray[np.float32]:
        nonlocal place
        count = int(np.prod(shape))
        taken = numbers[place : place + count].reshape(shape)
        place += count
        return taken

    embedding = take(vocabulary, dim)
    attention_norm = take(layers, dim)
    wq, wk = take(layers, heads, size, dim), take(layers, kv_heads, size, dim)
    wv = take(layers, kv_heads, size, dim)
    wo = take(layers, dim, heads, size)
    mlp_norm = take(layers, dim)
    gate, down, up = take(layers, inner, dim), take(layers, dim, inner), take(layers, inner, dim)
    made: Weights = {"model.embed_tokens.weight": embedding, "model.norm.weight": take(dim)}
    for layer in range(layers):
        at = f"model.layers.{layer}"
        made |= {
            f"{at}.input_layernorm.weight": attention_norm[layer],
            f"{at}.post_attention_layernorm.weight": mlp_norm[layer],
            f"{at}.self_attn.q_proj.weight": _rotary(wq[layer]) * (HEAD / size) ** 0.5,
            f"{at}.self_attn.k_proj.weight": _rotary(wk[layer]),
            f"{at}.self_attn.v_proj.weight": _padded(wv[layer]),
            f"{at}.self_attn.o_proj.weight": _padded(wo[layer].transpose(1, 2, 0)).T,
            f"{at}.mlp.gate_proj.weight": gate[layer],
            f"{at}.mlp.up_proj.weight": up[layer],
            f"{at}.mlp.down_proj.weight": down[layer],
        }
    made = {name: np.ascontiguousarray(weight) for name, weight in made.items()}
    save_file(made, folder / "model.safetensors", metadata={"format": "pt"})
    _write_json(
        folder / "config.json",
        {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "dtype": "float32",
            "vocab_size": vocabulary,
            "hidden_size": dim,
            "intermediate_size": inner,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "num_key_value_heads": kv_heads,
            "head_dim": HEAD,
            "max_position_embeddings": context,
            "hidden_act": "silu",
            "rms_norm_eps": 1e-5,
            "tie_word_embeddings": True,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
            "bos_token_id": 1,
            "eos_token_id": 2,
        },
    )
    _write_tokenizer(tokens, vocabulary, folder)


def _rotary(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """[heads, size, dim] of side-by-side pairs → [heads · HEAD, dim] of halves."""
    heads, size, dim = weight.shape
    halves = np.zeros((heads, 2, HEAD // 2, dim), np.float32)
    halves[:, :, :: HEAD // size] = weight.reshape(heads, size // 2, 2, dim).transpose(0, 2, 1, 3)
    return halves.reshape(heads * HEAD, dim)


def _padded(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """[heads, size, dim] → [heads · HEAD, dim]."""
    heads, size, dim = weight.shape
    padded = np.zeros((heads, HEAD, dim), np.float32)
    padded[:, :size] = weight
    return padded.reshape(heads * HEAD, dim)


def _write_tokenizer(path: Path, count: int, folder: Path) -> None:
    """SentencePiece's BPE: of all pairs that make a piece, the best piece's is merged first."""
    from tokenizers import Tokenizer, decoders, models, normalizers, processors

    data, place = path.read_bytes(), 4
    pieces: list[tuple[str, float]] = []
    for _ in range(count):
        score, length = struct.unpack_from("fi", data, place)
        place += 8 + length
        piece = data[place - length : place].decode().replace(" ", "▁")
        pieces.append((piece, score))
    pieces[1], pieces[2] = ("<s>", 0.0), ("</s>", 0.0)
    ids = {piece: i for i, (piece, _) in enumerate(pieces)}
    ranked = sorted(range(3, count), key=lambda i: -pieces[i][1])
    merges = [
        (piece[:cut], piece[cut:])
        for piece in (pieces[i][0] for i in ranked)
        if not piece.startswith("<0x")
        for cut in range(1, len(piece))
        if piece[:cut] in ids and piece[cut:] in ids
    ]
    tokenizer = Tokenizer(
        models.BPE(vocab=ids, merges=merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    )
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "clean_up_tokenization_spaces": False,
        "chat_template": _TEMPLATE,
    }
    _write_json(folder / "tokenizer_config.json", settings)


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1))
