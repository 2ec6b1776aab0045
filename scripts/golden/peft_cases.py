"""What PEFT answers in the cases of its own tests (`tests/test_tuners_utils.py`), by the names of the cases.

Models are trees of linear layers, or configurations of transformers, on the meta device.
"""

from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer
from peft.tuners.tuners_utils import check_target_module_exists
from peft.utils.save_and_load import get_peft_model_state_dict

from common import write_json
from counts import build

FILES = {
    "peft_cases.json": "PEFT's answers in the cases of its tests/test_tuners_utils.py, by their names: `matching` a list of "
    "[key, targets, layers, layer lists, whether it is targeted]; `targeted` the `names` that a `config` adapts among the "
    "`linears`, or an `error`; `patterns` rank and scaling of each layer; `all_linear` the layers that `all-linear` adapts in "
    "a model of transformers; `keys` of a saved adapter",
}

LAYER = "transformer.h.1.attn.attention"
# key, target_modules, layers_to_transform, layers_pattern
MATCHING = [
    *[("", [], None, None), ("", ["foo"], None, None)],
    *[("foo", targets, None, None) for targets in ([], ["foo"], ["bar"], ["foo", "bar"], "foo", ".*oo", "fo.*", ".*bar.*")],
    ("foobar", ".*oba.*", None, None),
    *[("foo.bar.1.baz", ["baz"], [index], ["bar"]) for index in (1, 0, 2)],
    *[("foo.bar.10.baz", ["baz"], [index], ["bar"]) for index in (0, 1)],
    ("foo.bar.1.baz", ["baz"], [0, 1, 2], ["bar"]),
    *[("foo.bar.1.baz", ["baz", "spam"], indices, ["bar"]) for indices in ([1], [0, 1, 2])],
    *[("foo.whatever.1.baz", ["baz"], [index], lists) for lists in ([], "", None) for index in (1, 0)],
    (f"{LAYER}.q_proj.foo", ["q_proj"], None, []),
    *[(f"{LAYER}.q_proj", targets, None, []) for targets in ([], ["q_proj"], ["q_proj", "v_proj"])],
    (f"{LAYER}.resid_dropout", ["q_proj", "v_proj"], None, []),
    *[(f"{LAYER}.q_proj", ["q_proj"], indices, ["h"]) for indices in ([1], [0], [2], [0, 1, 2])],
    (f"{LAYER}.q_proj", ["q_proj", "v_proj"], [0, 1, 2], ["h"]),
    ("foo.bar.q_proj", ["q_proj"], None, []),
    *[("foo.bar.1.baz", ["baz"], [1], [lists]) for lists in ("foo", "baz")],
    *[(key, ["baz"], [1], ["bar"]) for key in ("bar.1.baz", "foo.bar.001.baz", "foo.bar.1.spam.2.baz", "foo.bar.2.spam.1.baz")],
    *[(f"{root}blocks.1.{end}", ["weight"], [1], ["blocks"]) for root in ("", "mlp.") for end in ("weight", "bias")],
]

MLP = ["lin0", "lin1"]
EXPERTS = [
    f"model.layers.{layer}.{end}" for layer in range(4) for end in ("self_attn.q_proj", "mlp.experts.0.up_proj", "mlp.experts.1.up_proj")
]
BLOOM = [f"transformer.h.{layer}.self_attention.{end}" for layer in range(5) for end in ("query_key_value", "dense")]
QUERIES = [f"{blocks}.{i}.query" for blocks in ("transformer_blocks", "single_transformer_blocks") for i in range(21)]
FUSED = ["query_key_value"]
TARGETED = {
    "TestPeftCustomKwargs.test_module_matching_lora": (BLOOM, dict(target_modules=FUSED)),
    "TestTargetedModuleNames.test_one_targeted_module_regex": (MLP, dict(target_modules="lin0")),
    "TestTargetedModuleNames.test_two_targeted_module_regex": (MLP, dict(target_modules="lin.*")),
    "TestTargetedModuleNames.test_one_targeted_module_list": (MLP, dict(target_modules=["lin0"])),
    "TestTargetedModuleNames.test_two_targeted_module_list": (MLP, dict(target_modules=["lin0", "lin1"])),
    "TestTargetedModuleNames.test_realistic_example": (BLOOM, dict(target_modules=FUSED)),
    **{
        f"TestTargetedModuleNames.test_layers_to_transform_filters_by_layer_not_expert_index[{name}]": (
            EXPERTS, dict(target_modules=["q_proj", "up_proj"], layers_pattern=lists, layers_to_transform=[1]),
        )
        for name, lists in (("None", None), ("layers", "layers"), ("h-layers", ["h", "layers"]))
    },
    "TestExcludedModuleNames.test_two_excluded_module_regex": (MLP, dict(target_modules="lin.*", exclude_modules="lin0")),
    "TestExcludedModuleNames.test_two_excluded_module_list": (MLP, dict(target_modules=MLP, exclude_modules="lin0")),
    "TestExcludedModuleNames.test_multiple_excluded_modules_list": (MLP, dict(target_modules=MLP, exclude_modules=["lin0"])),
    "TestExcludedModuleNames.test_all_modules_excluded": (MLP, dict(target_modules=MLP, exclude_modules=MLP)),
    "TestExcludedModuleNames.test_no_modules_matched": (MLP, dict(target_modules=["non_existent_module"])),
    "TestExcludedModuleNames.test_some_modules_excluded_some_unmatched": (
        MLP, dict(target_modules=["lin0", "non_existent_module"], exclude_modules=["lin0"]),
    ),
    "TestExcludedModuleNames.test_exclude_modules_not_used": (
        MLP, dict(target_modules=["lin1"], exclude_modules=["non_existent_module"]),
    ),
    "TestExcludedModuleNames.test_realistic_example": (
        BLOOM, dict(target_modules=FUSED, exclude_modules="transformer.h.2.self_attention.query_key_value"),
    ),
    "TestFindMinimalTargetModules.test_get_peft_modules_module_name_is_suffix_of_another_module": (
        QUERIES, dict(target_modules=[name for name in QUERIES if name.startswith("transformer_blocks")]),
    ),
}

NESTED = ["foo", "bar", "module.foo", "module.foobar", "module.module.foo", "module.module.barfoo"]
# Which of the outer, the middle and the inner layer `foo` get values, by patterns; values by their places.
KEYS = {
    "target_all": ["foo"],
    "target_outer": ["^foo"],
    "target_middle": ["^module.foo"],
    "target_inner": ["module.module.foo"],
    "target_inner_with_caret": ["^module.module.foo"],
    "target_middle_inner": ["module.foo"],
    "target_middle_inner_different": ["^module.foo", "^module.module.foo"],
    "target_outer_middle": ["^foo", "^module.foo"],
    "target_outer_inner": ["^foo", "module.module.foo"],
    "target_outer_inner_with_caret": ["^foo", "^module.module.foo"],
    "target_outer_middle_inner_with_caret": ["^foo", "^module.foo", "^module.module.foo"],
    "target_outer_middle_inner_with_caret_dict_order": ["^module.module.foo", "^module.foo", "^foo"],
}
VALUES = {"rank": [16, 24, 32], "alpha": [4, 2, 1]}


def patterns() -> dict[str, dict]:
    plain = {
        "test_no_rank_nor_alpha_pattern": {},
        "test_rank_and_alpha_pattern_no_matching_keys": {"rank_pattern": {"bla": 4, "oof": 6}, "alpha_pattern": {"baz": 3}},
    }
    named = {"rank": "_ranks", "alpha": "_alphas"}
    cases = {
        f"test_{kind}_pattern_{name}{named[kind] if name.endswith('different') else ''}": {f"{kind}_pattern": dict(zip(keys, values))}
        for kind, values in VALUES.items()
        for name, keys in KEYS.items()
    }
    return {f"TestRankAndAlphaPattern.{name}": config for name, config in (plain | cases).items()}


LLAMA = dict(
    model_type="llama", architectures=["LlamaForCausalLM"], vocab_size=32, hidden_size=16, num_hidden_layers=2,
    num_attention_heads=4, num_key_value_heads=4, intermediate_size=32, tie_word_embeddings=False,
)
GPT2 = dict(model_type="gpt2", architectures=["GPT2LMHeadModel"], vocab_size=32, n_embd=16, n_layer=2, n_head=4, n_positions=16)
T5 = dict(
    model_type="t5", architectures=["T5ForConditionalGeneration"], vocab_size=32, d_model=16, d_kv=4, d_ff=32, num_layers=2,
    num_decoder_layers=2, num_heads=4,
)
NEOX = dict(
    model_type="gpt_neox", architectures=["GPTNeoXForCausalLM"], vocab_size=32, hidden_size=16, num_hidden_layers=2,
    num_attention_heads=4, intermediate_size=32,
)
ATTENTION, GATED = ["k_proj", "v_proj", "q_proj", "o_proj"], ["down_proj", "up_proj", "gate_proj"]
INCLUDE_ALL = "TestPeftCustomKwargs.test_maybe_include_all_linear_layers_lora"
ALL_LINEAR = {
    f"{INCLUDE_ALL}[llama, causal]": (LLAMA, ATTENTION + GATED, "CAUSAL_LM"),
    f"{INCLUDE_ALL}[llama, base]": (LLAMA | {"architectures": ["LlamaModel"]}, ATTENTION + GATED, None),
    f"{INCLUDE_ALL}[gpt2, causal]": (GPT2, ["c_attn", "c_proj", "c_fc"], "CAUSAL_LM"),
    f"{INCLUDE_ALL}[t5, seq2seq]": (T5, ["k", "q", "v", "o", "wi", "wo"], "SEQ_2_SEQ_LM"),
    f"{INCLUDE_ALL}[gpt_neox, causal]": (NEOX, ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"], "CAUSAL_LM"),
    "TestPeftCustomKwargs.test_maybe_include_all_linear_does_not_target_classifier_head": (
        LLAMA | {"architectures": ["LlamaForSequenceClassification"], "num_labels": 10}, ATTENTION + GATED, "SEQ_CLS",
    ),
}


def make(root: Path) -> None:
    write_json(root / "peft_cases.json", {
        "matching": [[*case, matches(*case)] for case in MATCHING],
        "targeted": {name: {"linears": linears, "config": config} | targeted(linears, config) for name, (linears, config) in TARGETED.items()},
        "patterns": {name: {"config": config, "layers": layers_of(config)} for name, config in patterns().items()},
        "all_linear": {
            name: {"config": config, "targets": targets, "names": names(all_linear(config, task))}
            for name, (config, targets, task) in ALL_LINEAR.items()
        },
        "keys": sorted(get_peft_model_state_dict(adapted(MLP, {"target_modules": ["lin0"]}))),
    })


def matches(key: str, targets, layers, lists) -> bool:
    config = LoraConfig(target_modules=targets, layers_to_transform=layers, layers_pattern=lists)
    return bool(check_target_module_exists(config, key))


def tree(linears: list[str]) -> torch.nn.Module:
    root = torch.nn.Module()
    for path in linears:
        parent, parts = root, path.split(".")
        for name in parts[:-1]:
            if not hasattr(parent, name):
                parent.add_module(name, torch.nn.Module())
            parent = getattr(parent, name)
        parent.add_module(parts[-1], torch.nn.Linear(40, 40, device="meta"))
    return root


def adapted(linears: list[str], config: dict):
    return get_peft_model(tree(linears), LoraConfig(**config))


def names(model) -> list[str]:
    prefix = "base_model.model."
    return [name.removeprefix(prefix) for name, layer in model.named_modules() if isinstance(layer, LoraLayer)]


def targeted(linears: list[str], config: dict) -> dict:
    try:
        return {"names": names(adapted(linears, config))}
    except ValueError as error:
        return {"error": str(error).splitlines()[0]}


def layers_of(config: dict) -> dict[str, list[float]]:
    model = adapted(NESTED, {"target_modules": "all-linear"} | config)
    layers = dict(model.base_model.model.named_modules())
    return {name: [layers[name].r["default"], layers[name].scaling["default"]] for name in NESTED}


def all_linear(config: dict, task: str | None):
    return get_peft_model(build(config), LoraConfig(task_type=task, target_modules="all-linear"))
