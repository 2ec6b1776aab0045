"""The LoRA cases of PEFT's tests/regression/test_state_dict.py over our small models: adapters, and their logits."""

import tempfile
import zlib
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from adapters import save_adapter
from common import write_tensors

INPUTS = {"input_ids": [[1, 2, 3], [6, 5, 4]], "attention_mask": [[1, 1, 1], [1, 1, 1]]}
BASES = {"gpt2": "gpt2_tiny", "llama": "families/llama3_tied"}
# What PEFT's cases name in OPT, or its defaults for it, and what that is called here; attn.c_proj is square.
TARGETS = {"gpt2": ["c_attn", "attn.c_proj"], "llama": ["q_proj", "v_proj"]}
NORM = {"gpt2": "ln_f", "llama": "norm"}
EMBEDDING = {"gpt2": "wte", "llama": "embed_tokens"}
PATTERNS = dict(
    rank_pattern={"layers.1.self_attn.k_proj": 16, "layers.2.self_attn.k_proj": 32},
    alpha_pattern={"layers.2.self_attn.k_proj": 4, "layers.3.self_attn.k_proj": 16},
)
CASES = {
    "lora": dict(lora_alpha=16),
    "lora_rslora": dict(use_rslora=True),
    "lora_rank_alpha_pattern": PATTERNS,
    "lora_bias_all": dict(bias="all"),
    "lora_dora": dict(use_dora=True),
    "lora_modules_to_save": dict(modules_to_save=NORM),
    "lora_modules_to_save_tied": dict(modules_to_save=["lm_head"]),
    "lora_multi_adapter": {},
    "lora_pissa_conversion": dict(init_lora_weights="pissa"),
    "lora_target_embedding": dict(target_modules=EMBEDDING),
    "lora_trainable_tokens": dict(trainable_token_indices=[0, 1, 3]),
    # Not among PEFT's.
    "lora_bias_only": dict(bias="lora_only"),
    "lora_olora_conversion": dict(init_lora_weights="olora"),
    "lora_target_head": dict(target_modules=["lm_head"]),
}
# PEFT's OLoRA takes the QR decomposition of a weight as it is stored, which a Conv1D holds turned: it crashes there.
SKIPPED = {("lora_olora_conversion", "gpt2")}
GRADIENTS = ["lora_target_embedding", "lora_target_head", "lora_trainable_tokens"]
FILES = {
    "state_dicts/FAMILY/CASE/": "PEFT: the adapter of the case of that name, r 8, every trained value drawn by the name of its tensor",
    "state_dicts/FAMILY/CASE/output.safetensors": "`logits` of the model with it; for some cases also `grad.KEY` of the "
    "loss of the next token, every trained tensor under its key in the file",
}


def make(root: Path) -> None:
    for case in CASES:
        for family in BASES:
            if (case, family) not in SKIPPED:
                make_case(root, family, case)


def make_case(root: Path, family: str, case: str) -> None:
    base, folder = load_base(root, family), root / "state_dicts" / family / case
    before, config = logits_of(base), config_of(family, case)
    torch.manual_seed(0)
    model, options = get_peft_model(base, config), {}
    with tempfile.TemporaryDirectory() as start:
        if case.endswith("_conversion"):
            options["path_initial_model_for_weight_conversion"] = save_start(model, config, start)
        if case == "lora_multi_adapter":
            model.add_adapter("default2", config_of(family, case))
            model.base_model.set_adapter(["default", "default2"])
            options["selected_adapters"] = ["default"]
        fill(model)
        if case == "lora_multi_adapter":
            model.base_model.set_adapter(["default"])
        logits = logits_of(model)
        assert not torch.allclose(logits, before)
        save_adapter(model, folder, **options)
    gradients = gradients_of(model) if case in GRADIENTS else {}
    write_tensors(folder / "output.safetensors", {"logits": logits, **gradients})
    loaded = logits_of(PeftModel.from_pretrained(load_base(root, family), folder))
    torch.testing.assert_close(loaded, logits)


def load_base(root: Path, family: str) -> torch.nn.Module:
    model = AutoModelForCausalLM.from_pretrained(
        root / BASES[family], dtype=torch.float32, attn_implementation="eager"
    ).eval()
    model.name_or_path = model.config._name_or_path = BASES[family]
    return model


def config_of(family: str, case: str) -> LoraConfig:
    fields = {"target_modules": TARGETS} | CASES[case]
    named = {name: value[family] if value in (TARGETS, NORM, EMBEDDING) else value for name, value in fields.items()}
    lists = {name: [value] if isinstance(value, str) and name in ("modules_to_save", "target_modules") else value for name, value in named.items()}
    return LoraConfig(task_type="CAUSAL_LM", r=8, fan_in_fan_out=family == "gpt2", **lists)


def save_start(model: PeftModel, config: LoraConfig, folder: str) -> str:
    """What a conversion subtracts; with its own initialization PEFT would change the weights again on loading."""
    init, config.init_lora_weights = config.init_lora_weights, True
    model.peft_config["default"].init_lora_weights = True
    model.save_pretrained(folder)
    model.peft_config["default"].init_lora_weights = init
    return folder


def fill(model: PeftModel) -> None:
    """Values that differ between tensors and within them, whatever the order and PyTorch's own generator."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                source = torch.Generator().manual_seed(zlib.crc32(name.encode()))
                parameter.copy_(torch.rand(parameter.shape, generator=source) * 0.2 - 0.1)


@torch.no_grad()
def logits_of(model: torch.nn.Module) -> torch.Tensor:
    return model.eval()(**inputs()).logits


def gradients_of(model: PeftModel) -> dict[str, torch.Tensor]:
    model(**inputs(), labels=inputs()["input_ids"]).loss.backward()
    return {f"grad.{name.replace('.default', '')}": p.grad for name, p in model.named_parameters() if p.requires_grad}


def inputs() -> dict[str, torch.Tensor]:
    return {name: torch.tensor(rows) for name, rows in INPUTS.items()}
