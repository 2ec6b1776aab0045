"""The operations of Llama's and BERT's layers, by transformers' own modules, and their derivatives on small inputs."""

from pathlib import Path
from types import SimpleNamespace

import torch
from transformers import LlamaConfig
from transformers.activations import ACT2FN
from transformers.models.llama.modeling_llama import (
    LlamaRMSNorm,
    LlamaRotaryEmbedding,
    apply_rotary_pos_emb,
    eager_attention_forward,
)

from common import generator, normal, write_tensors
from ops import named

SEED = 20259
HEADS, KV_HEADS, WIDTH = 4, 2, 6
FILES = {
    "decoder_ops.safetensors": "exact_gelu.{x, y, dy, dx} is `gelu`, with erf; tanh.{x, y, dy, dx}; "
    "rms_norm.{x (3, 10), weight, y, dy, dx, dweight} is LlamaRMSNorm with epsilon 1e-5; swiglu.{gate (3, 5), up, y, "
    "dy, dgate, dup} is silu(gate) * up; rotary.{cos, sin (9, 6), positions I32 (5), x (5, 24), y, dy, dx}: 4 heads "
    "of 6 with rope_theta 100; grouped.{q (10, 24), k, v (10, 12), y, dy, dq, dk, dv}: 2 causal sequences of 5 "
    "tokens, 4 heads of 6 on 2 heads of keys and values",
}


def make(root: Path) -> None:
    source = generator(SEED)
    tensors = {**activations(source), **rms_norm(source), **swiglu(source), **rotary(source), **grouped(source)}
    write_tensors(root / "decoder_ops.safetensors", tensors)


def activations(source: torch.Generator) -> dict:
    found = {}
    for name, key in [("exact_gelu", "gelu"), ("tanh", "tanh")]:
        x = torch.cat([torch.linspace(-6, 6, 25), normal(source, 8, std=2.0)]).requires_grad_()
        found |= derivatives(source, name, ACT2FN[key], x=x)
    return found


def rms_norm(source: torch.Generator) -> dict:
    norm = LlamaRMSNorm(10, eps=1e-5)
    norm.weight.data = normal(source, 10) + 1
    x = normal(source, 3, 10, std=2.0).requires_grad_()
    return derivatives(source, "rms_norm", lambda x, weight: norm(x), x=x, weight=norm.weight)


def swiglu(source: torch.Generator) -> dict:
    gate, up = normal(source, 3, 5, std=2.0).requires_grad_(), normal(source, 3, 5).requires_grad_()
    return derivatives(source, "swiglu", lambda gate, up: ACT2FN["silu"](gate) * up, gate=gate, up=up)


def rotary(source: torch.Generator) -> dict:
    config = LlamaConfig(
        hidden_size=HEADS * WIDTH, num_attention_heads=HEADS, max_position_embeddings=9,
        rope_parameters={"rope_type": "default", "rope_theta": 100.0},
    )
    x, positions = normal(source, 5, HEADS * WIDTH).requires_grad_(), torch.tensor([0, 3, 8, 1, 3])
    cos, sin = LlamaRotaryEmbedding(config)(x, torch.arange(9)[None])

    def rotate(x: torch.Tensor) -> torch.Tensor:
        rotated, _ = apply_rotary_pos_emb(heads(x, 1), heads(x, 1), cos[:, positions], sin[:, positions])
        return rotated.transpose(1, 2).reshape(x.shape)

    table = {"rotary.cos": cos[0], "rotary.sin": sin[0], "rotary.positions": positions.to(torch.int32)}
    return table | derivatives(source, "rotary", rotate, x=x)


def grouped(source: torch.Generator) -> dict:
    q = normal(source, 10, HEADS * WIDTH).requires_grad_()
    k, v = (normal(source, 10, KV_HEADS * WIDTH).requires_grad_() for _ in range(2))
    module = SimpleNamespace(num_key_value_groups=HEADS // KV_HEADS, training=False)
    hidden = torch.full((5, 5), float("-inf")).triu(1)

    def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        out, _ = eager_attention_forward(module, heads(q, 2), heads(k, 2), heads(v, 2), hidden, WIDTH**-0.5)
        return out.reshape(q.shape)

    return derivatives(source, "grouped", attend, q=q, k=k, v=v)


def heads(x: torch.Tensor, batch: int) -> torch.Tensor:
    """(batch * time, heads * WIDTH) as (batch, heads, time, WIDTH)."""
    return x.view(batch, len(x) // batch, -1, WIDTH).transpose(1, 2)


def derivatives(source: torch.Generator, name: str, function, **inputs: torch.Tensor) -> dict:
    """Inputs, the result y, a gradient dy of it and those of the inputs."""
    y = function(*inputs.values())
    dy = normal(source, *y.shape)
    gradients = torch.autograd.grad(y, list(inputs.values()), dy)
    return named(name, **inputs, y=y, dy=dy, **{f"d{key}": d for key, d in zip(inputs, gradients)})
