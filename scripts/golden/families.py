"""Tensors of published models of more families, and parameters that PEFT counts on them: shapes only, on the meta device."""

import tempfile
from pathlib import Path

import transformers
from peft import LoraConfig, get_peft_model
from peft.utils.constants import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as DEFAULTS
from safetensors import safe_open
from transformers import AutoConfig

from common import write_json
from counts import QWEN2, build, count

FILES = {
    "families.json": "`models` and `peft` as in counts.json, of more families than src/architectures/catalog.json has, in the shapes of published "
    "models, and with fields changed; `saved`: the tensors of the file of a model that is fused in memory",
}


def model(model_type: str, architecture: str, **fields) -> dict:
    return {"model_type": model_type, "architectures": [architecture], **fields}


QWEN3 = model(
    "qwen3", "Qwen3ForCausalLM", vocab_size=151936, hidden_size=1024, num_hidden_layers=28, num_attention_heads=16,
    num_key_value_heads=8, head_dim=128, intermediate_size=3072, tie_word_embeddings=True,
)
GEMMA2 = model(
    "gemma2", "Gemma2ForCausalLM", vocab_size=256000, hidden_size=3584, num_hidden_layers=42, num_attention_heads=16,
    num_key_value_heads=8, head_dim=256, intermediate_size=14336,
)
PHI3 = model(
    "phi3", "Phi3ForCausalLM", vocab_size=32064, hidden_size=3072, num_hidden_layers=32, num_attention_heads=32,
    num_key_value_heads=32, intermediate_size=8192,
)
MIXTRAL = model(
    "mixtral", "MixtralForCausalLM", vocab_size=32000, hidden_size=4096, num_hidden_layers=32, num_attention_heads=32,
    num_key_value_heads=8, intermediate_size=14336, num_local_experts=8,
)
NEOX = model(
    "gpt_neox", "GPTNeoXForCausalLM", vocab_size=50304, hidden_size=2048, num_hidden_layers=24, num_attention_heads=16,
    intermediate_size=8192,
)
OPT = model(
    "opt", "OPTForCausalLM", vocab_size=50272, hidden_size=768, num_hidden_layers=12, num_attention_heads=12, ffn_dim=3072,
    word_embed_proj_dim=768, max_position_embeddings=2048,
)
BLOOM = model("bloom", "BloomForCausalLM", vocab_size=250880, hidden_size=1024, n_layer=24, n_head=16)
FALCON = model(
    "falcon", "FalconForCausalLM", vocab_size=65024, hidden_size=4544, num_hidden_layers=32, num_attention_heads=71,
    multi_query=True, parallel_attn=True, bias=False, new_decoder_architecture=False,
)
DISTILBERT = model(
    "distilbert", "DistilBertForMaskedLM", vocab_size=30522, dim=768, n_layers=6, n_heads=12, hidden_dim=3072,
    max_position_embeddings=512,
)
MODERNBERT = model(
    "modernbert", "ModernBertForMaskedLM", vocab_size=50368, hidden_size=768, num_hidden_layers=22, num_attention_heads=12,
    intermediate_size=1152,
)
XLM_R = model(
    "xlm-roberta", "XLMRobertaForMaskedLM", vocab_size=250002, hidden_size=768, num_hidden_layers=12, num_attention_heads=12,
    intermediate_size=3072, max_position_embeddings=514, type_vocab_size=1,
)


MPNET = model(
    "mpnet", "MPNetForMaskedLM", vocab_size=30527, hidden_size=768, num_hidden_layers=12, num_attention_heads=12,
    intermediate_size=3072, max_position_embeddings=514,
)


def classes(config: dict, architecture: str, labels: int) -> dict:
    return config | {"architectures": [architecture], "num_labels": labels}


MODELS = {
    "qwen3-0.6b": QWEN3,
    "qwen3 with biases": QWEN3 | {"attention_bias": True, "tie_word_embeddings": False},
    "qwen3 classifier": classes(QWEN3, "Qwen3ForSequenceClassification", 3),
    "gemma2-9b": GEMMA2,
    "gemma2 classifier": classes(GEMMA2, "Gemma2ForSequenceClassification", 2),
    "phi3-mini": PHI3,
    "phi3 with grouped keys": PHI3 | {"num_key_value_heads": 8},
    "mixtral-8x7b": MIXTRAL,
    "pythia-1.4b": NEOX,
    "gpt_neox classifier": classes(NEOX, "GPTNeoXForSequenceClassification", 2),
    "gpt_neox with a tied head": NEOX | {"tie_word_embeddings": True, "attention_bias": False},
    "opt-125m": OPT,
    "opt-350m": OPT | dict(
        hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, ffn_dim=4096, word_embed_proj_dim=512,
        do_layer_norm_before=False,
    ),
    "opt classifier": classes(OPT, "OPTForSequenceClassification", 3),
    "bloom-560m": BLOOM,
    "bloom classifier": classes(BLOOM, "BloomForSequenceClassification", 2),
    "falcon-7b": FALCON,
    "falcon-40b": FALCON | dict(
        hidden_size=8192, num_hidden_layers=60, num_attention_heads=128, num_kv_heads=8, new_decoder_architecture=True,
    ),
    "falcon-rw-1b": FALCON | dict(
        vocab_size=50304, hidden_size=2048, num_hidden_layers=24, num_attention_heads=32, multi_query=False,
        parallel_attn=False, bias=True, alibi=True,
    ),
    "distilbert-base": DISTILBERT,
    "distilbert classifier": classes(DISTILBERT, "DistilBertForSequenceClassification", 2),
    "modernbert-base": MODERNBERT,
    "modernbert classifier": classes(MODERNBERT, "ModernBertForSequenceClassification", 4),
    "xlm-roberta-base": XLM_R,
    "xlm-roberta classifier": classes(XLM_R, "XLMRobertaForSequenceClassification", 3),
    "mpnet-base": MPNET,
    "mpnet classifier": classes(MPNET, "MPNetForSequenceClassification", 3),
}

ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]

# Model, rank, targets (null: PEFT's default, where it has one).
PEFT = [
    (name, 8, targets) for name, config in MODELS.items() for targets in (None, "all-linear")
    if config["model_type"] not in ("mixtral", "distilbert") and (targets or config["model_type"] in DEFAULTS)
] + [
    ("qwen2.5-0.5b", 256, "all-linear"),
    # PEFT 0.21 cannot find its own default here, and gives the experts that transformers 5 fuses twice the rank.
    ("mixtral-8x7b", 8, ATTENTION),
    ("distilbert-base", 8, "all-linear"),
    # Its `pre_classifier` is saved too, as its name ends like `classifier`; all-linear would adapt it a second time.
    ("distilbert classifier", 8, ["q_lin", "v_lin"]),
]


# A model whose files have other tensors than the module: transformers 5 fuses the experts.
SMALL_MIXTRAL = MIXTRAL | dict(
    vocab_size=61, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, num_key_value_heads=1, intermediate_size=40,
    num_local_experts=3,
)


def make(root: Path) -> None:
    write_json(root / "families.json", {
        "models": [{"name": name, "config": config, **tensors_of(config)} for name, config in MODELS.items()],
        "peft": [counted(*case) for case in PEFT],
        "saved": saved(SMALL_MIXTRAL),
    })


def tensors_of(config: dict) -> dict:
    found = count(build(config))
    # The first name of a tied tensor is not always that of files, which have the embedding's.
    if config["architectures"] == ["XLMRobertaForMaskedLM"]:
        found["tensors"]["roberta.embeddings.word_embeddings.weight"] = found["tensors"].pop("lm_head.decoder.weight")
    return found


def saved(config: dict) -> dict:
    fields = {key: value for key, value in config.items() if key not in ("model_type", "architectures")}
    made = getattr(transformers, config["architectures"][0])(AutoConfig.for_model(config["model_type"], **fields))
    with tempfile.TemporaryDirectory() as folder:
        made.save_pretrained(folder)
        with safe_open(Path(folder) / "model.safetensors", "np") as file:
            tensors = {name: "x".join(map(str, file.get_slice(name).get_shape())) for name in sorted(file.keys())}
    return {"config": config, "tensors": tensors}


def counted(name: str, rank: int, targets: str | None) -> dict:
    config = MODELS.get(name, QWEN2)
    task = {"task_type": "SEQ_CLS"} if "classifier" in name else {}
    lora = LoraConfig(r=rank, target_modules=targets, **task)
    trainable, everything = get_peft_model(build(config), lora).get_nb_trainable_parameters()
    return {"model": name, "config": config, "rank": rank, "targets": targets, "trainable": trainable, "all": everything}
