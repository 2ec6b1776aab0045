"""Small random DeBERTas of both versions: logits, losses and gradients by transformers, and buckets of distances."""

from pathlib import Path

import torch
from transformers.models.deberta_v2.modeling_deberta_v2 import make_log_bucket_position

from common import write_json
from running import ENCODER, LABELS, random_model, record

SEED = 20311
RELATIVE = dict(ENCODER, relative_attention=True, position_biased_input=False, type_vocab_size=0)
FIRST = dict(RELATIVE, pos_att_type=["c2p", "p2c"], max_relative_positions=-1)
# Three distances in either direction have a bucket of their own, the nine tokens of a sequence more.
SECOND = dict(RELATIVE, pos_att_type="p2c|c2p", position_buckets=6, norm_rel_ebd="layer_norm", share_att_key=True)
# As published: the padding token is 0, and the extents of heads and pooler are given.
LARGEST = dict(SECOND, conv_kernel_size=3, conv_act="gelu", attention_head_size=4, pooler_hidden_size=16)
MODELS = {
    "deberta_masked": ("DebertaForMaskedLM", "deberta", dict(FIRST)),
    "deberta_classifier": ("DebertaForSequenceClassification", "deberta", dict(
        FIRST, position_biased_input=True, type_vocab_size=2, pooler_hidden_act="tanh", **LABELS)),
    "deberta_c2p": ("DebertaForSequenceClassification", "deberta", dict(
        FIRST, pos_att_type=["c2p"], max_relative_positions=4, hidden_act="gelu_new", **LABELS)),
    "deberta_v2_masked": ("DebertaV2ForMaskedLM", "deberta-v2", dict(SECOND, legacy=False)),
    "deberta_v2_classifier": ("DebertaV2ForSequenceClassification", "deberta-v2", dict(SECOND, **LABELS)),
    "deberta_v2_regression": ("DebertaV2ForSequenceClassification", "deberta-v2", dict(
        SECOND, position_buckets=-1, max_relative_positions=5, num_labels=1, problem_type="regression")),
    "deberta_v2_own_keys": ("DebertaV2ForMaskedLM", "deberta-v2", dict(
        SECOND, share_att_key=False, norm_rel_ebd="none", type_vocab_size=2, position_biased_input=True)),
    "deberta_v2_p2c": ("DebertaV2ForMaskedLM", "deberta-v2", dict(
        SECOND, share_att_key=False, pos_att_type="p2c")),
    "deberta_v2_convolution": ("DebertaV2ForSequenceClassification", "deberta-v2", dict(LARGEST, **LABELS)),
    "deberta_v2_convolution_masked": ("DebertaV2ForMaskedLM", "deberta-v2", dict(LARGEST, conv_kernel_size=5, conv_act="tanh")),
}
BUCKETS = [(256, 512), (32, 128), (6, 14), (7, 14), (2, 512), (64, 512), (48, 100), (256, 1024), (512, 4096)]
FILES = {
    "families/MODEL/ (deberta)": "the same as for the other families: " + ", ".join(MODELS),
    "distance_buckets.json": "for a number of `buckets` and a `longest` distance, the bucket `found` of each distance from 0 to 600",
}


def make(root: Path) -> None:
    for number, (name, (kind, model_type, fields)) in enumerate(MODELS.items()):
        torch.manual_seed(SEED + number)
        model = random_model(kind, model_type, fields)
        model.save_pretrained(root / "families" / name)
        record(root / "families", name, model)
    distances = torch.arange(601)
    write_json(root / "distance_buckets.json", [
        {"buckets": buckets, "longest": longest, "found": make_log_bucket_position(distances, buckets, longest).to(torch.long).tolist()}
        for buckets, longest in BUCKETS
    ])
