"""Adapters saved by PEFT with B away from zero, the logits of each, and ΔW of every module."""

import json
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file

from common import generator, load_tiny, logits_of, normal, write_json, write_tensors
from logits import read_cases

SEED = 20242
CASES = ["plain", "left_padding"]
BASE = "gpt2_tiny"
RANK_PATTERN = {r"h\.1\.attn\.c_attn": 2, r"mlp\.c_(fc|proj)": 6}
ALPHA_PATTERN = {
    r"h\.[0-9]+\.mlp\.c_fc": 9,
    "attn.c_proj": 5,
    r"^transformer\.h\.0\.mlp\.c_proj": 3,
}
CONFIGS = {
    "peft_c_attn": dict(r=4, lora_alpha=8, target_modules=["c_attn"]),
    "peft_all_linear": dict(
        r=4, lora_alpha=8, target_modules=["c_attn", "c_proj", "c_fc"],
        rank_pattern=RANK_PATTERN, alpha_pattern=ALPHA_PATTERN,
    ),
    "peft_rslora": dict(r=4, lora_alpha=8, target_modules=["c_attn", "c_proj"], use_rslora=True),
    "peft_suffix": dict(r=3, lora_alpha=6, target_modules=["attn.c_proj"]),
    "block_qv": dict(r=4, lora_alpha=12, target_modules=["c_attn"]),
}
FILES = {
    "adapters/peft_c_attn/": "PEFT: r 4, alpha 8 on c_attn",
    "adapters/peft_all_linear/": "PEFT: c_attn, c_fc and both c_proj, with rank_pattern and alpha_pattern "
    "(regular expressions; ranks and alphas of each module are in adapters/modules.json)",
    "adapters/peft_rslora/": "PEFT: use_rslora, scaling alpha / sqrt(r) = 4, on c_attn and both c_proj",
    "adapters/peft_suffix/": "PEFT: target `attn.c_proj` alone (48 x 48: shapes do not reveal a missing transpose)",
    "adapters/block_qv/": "made by hand, loaded by PEFT: sites q and v of c_attn, each of rank 2 and scaling 3, as one "
    "rank 4 with A stacked (q then v) and B (144, 4) in blocks: rows 0:48 x columns 0:2 and rows 96:144 x columns 2:4",
    "adapters/logits/NAME.safetensors": "`logits.CASE` with the adapter unmerged, for the cases plain and left_padding "
    "of logits.json; peft_c_attn+peft_suffix has both at once",
    "adapters/deltas.safetensors": "`delta.NAME.MODULE`: scaling * B A in (out, in)",
    "adapters/modules.json": "per adapter and module: rank, alpha, scaling as PEFT resolved them",
}


def make(root: Path) -> None:
    cases, deltas, modules = read_cases(root), {}, {}
    for index, name in enumerate(CONFIGS):
        folder = root / "adapters" / name
        if name == "block_qv":
            save_block_qv(root, folder, SEED + index)
        else:
            save_random(root, folder, CONFIGS[name], SEED + index)
        model = PeftModel.from_pretrained(load_tiny(root), folder).eval()
        write_tensors(root / f"adapters/logits/{name}.safetensors", logits_of(model, cases, CASES))
        deltas |= {f"delta.{name}.{module}": layer_delta(layer) for module, layer in lora_layers(model)}
        modules[name] = {module: describe(layer) for module, layer in lora_layers(model)}
    write_tensors(root / "adapters/deltas.safetensors", deltas)
    write_json(root / "adapters/modules.json", modules)
    write_sum(root, cases, ["peft_c_attn", "peft_suffix"])


def new_adapter(root: Path, config: dict) -> PeftModel:
    settings = LoraConfig(task_type="CAUSAL_LM", fan_in_fan_out=True, lora_dropout=0.0, **config)
    return get_peft_model(load_tiny(root), settings)


def save_random(root: Path, folder: Path, config: dict, seed: int) -> None:
    model, source = new_adapter(root, config), generator(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.copy_(normal(source, *parameter.shape, std=0.2))
    save_adapter(model, folder)


def save_block_qv(root: Path, folder: Path, seed: int, rank: int = 2, width: int = 48) -> None:
    source, tensors = generator(seed), {}
    save_adapter(new_adapter(root, CONFIGS["block_qv"]), folder)
    for layer in range(2):
        B = torch.zeros(3 * width, 2 * rank)
        B[:width, :rank] = normal(source, width, rank, std=0.2)
        B[2 * width :, rank:] = normal(source, width, rank, std=0.2)
        prefix = f"base_model.model.transformer.h.{layer}.attn.c_attn"
        tensors[f"{prefix}.lora_A.weight"] = normal(source, 2 * rank, width, std=0.2)
        tensors[f"{prefix}.lora_B.weight"] = B
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})


def save_adapter(model: PeftModel, folder: Path, **options) -> None:
    """PEFT's own files, without the model card, and with the one list of unstable order sorted."""
    model.save_pretrained(folder, **options)
    (folder / "README.md").unlink(missing_ok=True)
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text())
    config["target_modules"] = sorted(config["target_modules"])
    config["base_model_name_or_path"] = BASE
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def lora_layers(model: PeftModel):
    prefix = "base_model.model."
    for name, layer in model.named_modules():
        if hasattr(layer, "lora_A") and hasattr(layer, "get_delta_weight"):
            yield name.removeprefix(prefix), layer


def layer_delta(layer) -> torch.Tensor:
    """PEFT gives the orientation of the base weight, which Conv1D stores as (in, out): turn it back."""
    delta = layer.get_delta_weight("default")
    rows = layer.lora_B["default"].weight.shape[0]
    columns = layer.lora_A["default"].weight.shape[1]
    delta = delta.T if layer.fan_in_fan_out else delta
    assert delta.shape == (rows, columns)
    product = layer.scaling["default"] * layer.lora_B["default"].weight @ layer.lora_A["default"].weight
    assert torch.allclose(delta, product, atol=1e-6)
    return delta


def describe(layer) -> dict:
    return {
        "rank": layer.r["default"],
        "alpha": layer.lora_alpha["default"],
        "scaling": layer.scaling["default"],
    }


def write_sum(root: Path, cases: dict, names: list[str]) -> None:
    model = PeftModel.from_pretrained(load_tiny(root), root / "adapters" / names[0], names[0])
    for name in names[1:]:
        model.load_adapter(root / "adapters" / name, name)
    model.base_model.set_adapter(names)
    tensors = logits_of(model.eval(), cases, CASES)
    write_tensors(root / f"adapters/logits/{'+'.join(names)}.safetensors", tensors)
