"""A random GPT-2 of 61k parameters in four folders: as saved, without prefix, in F16 and in BF16."""

import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

from common import generator, load_tiny, logits_of, normal, read_json

SEED = 20240
POSITIONS = 32
FILES = {
    "gpt2_tiny/": "GPT2LMHeadModel.save_pretrained, F32: keys start with `transformer.`, no lm_head (tied to wte)",
    "gpt2_tiny_bare/": "the same bits under the key names of the Hub's GPT-2 file: no `transformer.`, and a "
    "causal-mask buffer `h.N.attn.bias` (1, 1, 32, 32) in each layer, which a reader must ignore",
    "gpt2_tiny_f16/": "the weights of gpt2_tiny rounded to F16",
    "gpt2_tiny_bf16/": "the weights of gpt2_tiny rounded to BF16",
}


def make(root: Path) -> None:
    model = random_gpt2()
    model.save_pretrained(root / "gpt2_tiny")
    save_bare(model, root / "gpt2_tiny", root / "gpt2_tiny_bare")
    model.to(torch.float16).save_pretrained(root / "gpt2_tiny_f16")
    load_tiny(root).to(torch.bfloat16).save_pretrained(root / "gpt2_tiny_bf16")


def random_gpt2() -> GPT2LMHeadModel:
    config = GPT2Config(
        vocab_size=61, n_positions=POSITIONS, n_embd=48, n_layer=2, n_head=3,
        attn_pdrop=0.0, embd_pdrop=0.0, resid_pdrop=0.0, summary_first_dropout=0.0,
        bos_token_id=60, eos_token_id=60,
    )
    model = GPT2LMHeadModel(config).eval()
    randomise(model)
    return model


@torch.no_grad()
def randomise(model: GPT2LMHeadModel) -> None:
    """Values large enough that every tensor moves the logits: nothing stays at 0 or 1."""
    source = generator(SEED)
    for name, parameter in model.named_parameters():
        values = normal(source, *parameter.shape, std=0.25 if "wte" in name else 0.18)
        is_scale = ".ln_" in name and name.endswith("weight")
        parameter.copy_(values + 1 if is_scale else values)


def save_bare(model: GPT2LMHeadModel, full: Path, bare: Path) -> None:
    bare.mkdir(parents=True, exist_ok=True)
    shutil.copy(full / "config.json", bare / "config.json")
    tensors = {name: value.clone() for name, value in model.transformer.named_parameters()}
    mask = torch.tril(torch.ones(POSITIONS, POSITIONS)).view(1, 1, POSITIONS, POSITIONS)
    for layer in range(model.config.n_layer):
        tensors[f"h.{layer}.attn.bias"] = mask.clone()
    save_file(tensors, bare / "model.safetensors", metadata={"format": "pt"})
    assert_same_model(full, bare)


def assert_same_model(full: Path, bare: Path) -> None:
    case = {"one": {"input_ids": [[3, 1, 4, 1, 5]]}}
    one, other = (
        logits_of(AutoModelForCausalLM.from_pretrained(folder).eval(), case)["logits.one"]
        for folder in (full, bare)
    )
    assert torch.equal(one, other), "the folder without prefix is another model"
    assert read_json(bare / "config.json")["architectures"] == ["GPT2LMHeadModel"]
