"""Bytes of a training step of GPT-2 in PyTorch: what autograd saves, and what is live at the peak.

Fake tensors have shapes and no values, so a step of any size is counted on any machine by running transformers' and PEFT's own
code as on a CPU: F32, no dropout, the loss of transformers, gradients that exist already. Storages of parameters, their
gradients and inputs are left out. Of the others,

- "saved" sums those that `saved_tensors_hooks` sees in the forward pass, each once: what the backward pass will read;
- "peak" is the largest sum of those that operations made and nothing has freed, over the forward and backward pass. The loss
  is held and the logits are not.

The implementations: "eager" writes attention and GELU out, "sdpa" is what transformers runs (attention fused), "fused" has
PyTorch's own GELU too, which keeps its input only.
"""

import weakref
from contextlib import nullcontext
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import GPT2Config, GPT2LMHeadModel, masking_utils

from common import write_json

FILES = {"step_memory.json": "bytes that PyTorch saves, and holds at the peak, in a training step of GPT-2"}

TINY = dict(vocab_size=1024, n_positions=64, n_embd=256, n_layer=2, n_head=8)
SMALL = dict(vocab_size=50257, n_positions=1024, n_embd=768, n_layer=12, n_head=12)
SHAPES = [("tiny-gpt2", TINY, 32, 48), ("gpt2", SMALL, 1, 128), ("gpt2", SMALL, 8, 512)]
METHODS = {"full": None, "c_attn": ["c_attn"], "all": ["c_attn", "c_proj", "c_fc"]}
RANK = 4
IMPLEMENTATIONS = {"eager": ("eager", "gelu_new"), "sdpa": ("sdpa", "gelu_new"), "fused": ("sdpa", "gelu_pytorch_tanh")}

# Decided by the values of positions, which fake tensors do not have: no row holds several sequences.
masking_utils.find_packed_sequence_indices = lambda position_ids: None


class Live(TorchDispatchMode):
    """Sums the storages that operations make, until they are collected."""

    def __init__(self, known: set[int]):
        super().__init__()
        self.known, self.live, self.peak = known, 0, 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                self.add(leaf.untyped_storage())
        return result

    def add(self, storage) -> None:
        key = storage._cdata
        if key in self.known:
            return
        self.known.add(key)
        size = storage.nbytes()
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self.remove, key, size)

    def remove(self, key: int, size: int) -> None:
        self.known.discard(key)
        self.live -= size


def make_model(shape: dict, implementation: str, targets: list[str] | None) -> torch.nn.Module:
    """On the meta device: PEFT cannot build on fake tensors."""
    attention, activation = IMPLEMENTATIONS[implementation]
    dropout = dict(attn_pdrop=0, resid_pdrop=0, embd_pdrop=0)
    tokens = dict(bos_token_id=0, eos_token_id=0)
    config = GPT2Config(**shape, **dropout, **tokens, use_cache=False, activation_function=activation)
    config._attn_implementation = attention
    with torch.device("meta"):
        model = GPT2LMHeadModel(config)
        if targets is None:
            return model.train()
        lora = LoraConfig(r=RANK, lora_alpha=RANK, target_modules=targets, fan_in_fan_out=True)
        return get_peft_model(model, lora).train()


def place(model: torch.nn.Module) -> list[torch.Tensor]:
    """Replaces parameters and buffers by empty ones on the CPU, tied ones by the same; returns them with their gradients."""
    placed: dict[int, torch.Tensor] = {}

    def empty_like(tensor: torch.Tensor) -> torch.Tensor:
        if id(tensor) not in placed:
            empty = torch.empty(tensor.shape, dtype=tensor.dtype)
            placed[id(tensor)] = torch.nn.Parameter(empty, tensor.requires_grad) if isinstance(tensor, torch.nn.Parameter) else empty
        return placed[id(tensor)]

    for module in model.modules():
        for tensors in (module._parameters, module._buffers):
            for name, tensor in tensors.items():
                if tensor is not None:
                    tensors[name] = empty_like(tensor)
    trained = [tensor for tensor in placed.values() if tensor.requires_grad]
    for tensor in trained:
        tensor.grad = torch.empty_like(tensor)
    return [*placed.values(), *(tensor.grad for tensor in trained)]


def measure(shape: dict, implementation: str, targets: list[str] | None, batch: int, length: int, real=False) -> dict[str, int]:
    model = make_model(shape, implementation, targets)
    with nullcontext() if real else FakeTensorMode():
        outer = place(model)
        tokens = torch.zeros(batch, length, dtype=torch.long)
        outside = {tensor.untyped_storage()._cdata for tensor in [*outer, tokens]}
        saved: dict[int, int] = {}

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            storage = tensor.untyped_storage()
            if storage._cdata not in outside:
                saved[storage._cdata] = storage.nbytes()
            return tensor

        with Live(set(outside)) as live, torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            loss = model(input_ids=tokens, labels=tokens).loss
            loss.backward()
        return {"saved": sum(saved.values()), "peak": live.peak}


def make(root: Path) -> None:
    rows = []
    for implementation in IMPLEMENTATIONS:
        for targets in METHODS.values():
            fake, real = (measure(TINY, implementation, targets, 4, 48, real) for real in (False, True))
            assert fake == real, f"{implementation}, {targets}: fake tensors take {fake}, real ones {real}"
    for model, shape, batch, length in SHAPES:
        for method, targets in METHODS.items():
            for implementation in IMPLEMENTATIONS:
                step = {"model": model, "batch": batch, "length": length, "method": method, "implementation": implementation}
                rows.append(step | measure(shape, implementation, targets, batch, length))
    write_json(root / "step_memory.json", {"rank": RANK, "rows": rows})
