"""The LoRA cases of PEFT's tests/regression/test_state_dict.py over our small models: adapters, and their logits."""

import tempfile
import zlib
from pathlib import Path

import peft
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from adapters import save_adapter
from common import write_json, write_tensors

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
LM, QV = {"task_type": "CAUSAL_LM"}, {"target_modules": ["q_proj", "v_proj"]}
# PEFT's cases of other methods, and of LoRA on what does not run here: their configurations alone.
OTHERS = {
    "adalora": ("AdaLora", LM | {"total_step": 1}),
    "adaption_prompt": ("AdaptionPrompt", LM | {"adapter_layers": 1, "adapter_len": 4}),
    "beft": ("Beft", LM),
    "boft": ("BOFT", LM),
    "c3a": ("C3A", LM | {"block_size": 1}),
    "cartridge": ("Cartridge", LM | {"num_virtual_tokens": 4, "num_frozen_tokens": 1}),
    "cpt": ("CPT", LM | {"cpt_token_ids": [0, 1], "cpt_mask": [1, 1], "cpt_tokens_type_mask": [1, 2]}),
    "deft": ("Deft", LM),
    "delora": ("Delora", LM | {"r": 2}),
    "fourierft": ("FourierFT", LM | {"n_frequency": 10}),
    "frod": ("Frod", LM | {"sparse_rate": 0.01}),
    "glora": ("Glora", LM | {"init_weights": True}),
    "gralora": ("Gralora", LM | {"r": 8, "alpha": 16, "gralora_k": 2, "hybrid_r": 0}),
    "gralora_hybrid": ("Gralora", LM | {"r": 16, "alpha": 32, "gralora_k": 4, "hybrid_r": 4}),
    "hira": ("Hira", LM),
    "hra": ("HRA", LM),
    "ia3": ("IA3", LM),
    "lily": ("Lily", QV | {"r": 8, "stride_A": 1, "num_B": 2}),
    "ln_tuning": ("LNTuning", LM | {"target_modules": ["self_attn_layer_norm", "final_layer_norm"]}),
    "loha": ("LoHa", QV),
    "lokr": ("LoKr", QV),
    "lora_gptoss": ("Lora", LM | {"target_parameters": ["mlp.experts.down_proj", "mlp.experts.gate_up_proj"]}),
    "lora_alora": ("Lora", LM | {"r": 8, "alora_invocation_tokens": [1]}),
    "miss": ("Miss", LM | {"r": 2}),
    "multitask_prompt_tuning": ("MultitaskPromptTuning", LM | {"num_virtual_tokens": 10, "num_tasks": 2}),
    "oft": ("OFT", LM),
    "osf": ("OSF", LM),
    "peanut": ("Peanut", QV | {"r": 4, "depth": 1, "act_fn": "relu", "init_weights": True}),
    "poly": ("Poly", {"task_type": "SEQ_2_SEQ_LM", "r": 2, "n_tasks": 2, "n_skills": 2, "n_splits": 1}),
    "prefix_tuning": ("PrefixTuning", LM | {"num_virtual_tokens": 10}),
    "prefix_tuning_gemma4": ("PrefixTuning", LM | {"num_virtual_tokens": 10}),
    "prompt_encoder": ("PromptEncoder", LM | {"num_virtual_tokens": 10, "encoder_hidden_size": 32}),
    "prompt_tuning": ("PromptTuning", LM | {"num_virtual_tokens": 10}),
    "psoft": ("Psoft", LM | {"r": 4, "psoft_alpha": 4}),
    "pvera": ("Pvera", LM | {"r": 8}),
    "randlora": ("RandLora", QV | {"r": 4}),
    "road": ("Road", LM | {"group_size": 2}),
    "shira": ("Shira", LM | {"r": 1, "init_weights": False}),
    "tinylora": ("TinyLora", LM),
    "tinylora_no_projection": ("TinyLora", LM | {"save_projection": False}),
    "trainable_tokens": ("TrainableTokens", LM | {"token_indices": [0, 1, 3]}),
    "unilora": ("UniLora", LM | {"theta_d_length": 257}),
    "vblora": ("VBLoRA", LM | {"vector_length": 1, "num_vectors": 2}),
    "vblora_topk": ("VBLoRA", LM | {"vector_length": 1, "num_vectors": 2, "save_only_topk_weights": True}),
    "vera": ("Vera", LM | {"r": 8, "projection_prng_key": 255, "d_initial": 0.1, "save_projection": True}),
    "vera_no_projection": ("Vera", LM | {"r": 8, "projection_prng_key": 255, "d_initial": 0.1, "save_projection": False}),
    "waveft": ("WaveFT", LM | {"n_frequency": 8}),
}
GRADIENTS = ["lora_target_embedding", "lora_target_head", "lora_trainable_tokens"]
FILES = {
    "state_dicts/input.json": "the input of all cases, for `lowrank logits`",
    "state_dicts/others.json": "the configurations of PEFT's other cases, by their names: fields that differ from null, false, empty",
    "state_dicts/FAMILY/CASE/": "PEFT: the adapter of the case of that name, r 8, every trained value drawn by the name of its tensor",
    "state_dicts/FAMILY/CASE/output.safetensors": "`logits` of the model with it; for some cases also `grad.KEY` of the "
    "loss of the next token, every trained tensor under its key in the file",
}


def make(root: Path) -> None:
    write_json(root / "state_dicts/input.json", {"cases": {"inputs": INPUTS}})
    others = {case: config_json(*fields) for case, fields in OTHERS.items()}
    write_json(root / "state_dicts/others.json", others | {"adamss": adamss_json()})
    for case in CASES:
        for family in BASES:
            if (case, family) not in SKIPPED:
                make_case(root, family, case)


def config_json(method: str, fields: dict) -> dict:
    config = getattr(peft, f"{method}Config")(**fields).to_dict()
    plain = {name: sorted(value) if isinstance(value, set) else value for name, value in config.items()}
    return {name: plain[name] for name in sorted(plain) if plain[name]}


def adamss_json() -> dict:
    """Its configuration class asks for scikit-learn, which nothing else here needs: the fields of the case alone."""
    return {"peft_type": peft.PeftType.ADAMSS.value, **QV, "r": 8, "num_subspaces": 4, "subspace_rank": 1}


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
