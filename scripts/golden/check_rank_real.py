"""Figures of the study of a real decoder, from its shipped rows and adapters alone: `check_rank_real.py ROWS ADAPTERS`.

ROWS is `experiments/rank_real/losses.json`, ADAPTERS `models/rank-study-smollm2`. It prints as JSON: `means`, the mean held-out
loss of each method; `above`, by how much r = 1 is above the best rank, as a share; `noise`, two standard errors of a difference,
paired by seed; `top`, phi(1, 1) in A of every module for each pair of r = 8 and r = 64 that has neither start nor data in common;
`inDelta` and `factor`, of Table 7, for W_q of each shipped layer at r = 4 and 64, by adapter.
"""

import json
import re
import struct
import sys
from pathlib import Path

import numpy as np

LAYERS, WIDTH, BLOCK = (0, 5, 11, 17, 23, 29), 576, 32


def main(rows: str, adapters: str) -> None:
    runs = [row for row in json.loads(Path(rows).read_text())["rows"]["rows"] if row["compared"] == 1]
    updates = {folder.name: read(folder) for folder in sorted(Path(adapters).glob("qv-*"))}
    print(json.dumps({**losses(runs), "top": top(updates), **amplified(updates, weights(Path(adapters)))}))


def losses(runs: list[dict]) -> dict:
    """Over the seeds that all ranks of q and v have."""
    by_key: dict[str, dict[int, float]] = {}
    for row in runs:
        if row["key"].startswith("qv-"):
            by_key.setdefault(row["key"], {})[row["seed"]] = row["value"]
    seeds = sorted(set.intersection(*(set(values) for values in by_key.values())))
    table = np.array([[values[seed] for seed in seeds] for values in by_key.values()])
    means = table.mean(1)
    left = table - means[:, None] - table.mean(0)[None, :] + table.mean()
    freedom = (len(table) - 1) * (len(seeds) - 1)
    noise = 2 * np.sqrt(2 * (left**2).sum() / freedom / len(seeds)) if freedom else None
    first = means[list(by_key).index("qv-1")]
    return {"means": dict(zip(by_key, means)), "above": first / means.min() - 1, "noise": noise}


def read(folder: Path) -> dict[str, np.ndarray]:
    data = (folder / "adapter_model.safetensors").read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + size]).items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            values = np.frombuffer(data[8 + size + start : 8 + size + end], dtype="<f2")
            tensors[name] = values.astype(np.float64).reshape(entry["shape"])
    scale = json.loads((folder / "adapter_config.json").read_text())
    return {"scale": scale["lora_alpha"] / scale["r"], **tensors}


def module(update: dict, layer: int, site: str, which: str) -> np.ndarray:
    (name,) = (name for name in update if f".layers.{layer}.self_attn.{site}_proj.lora_{which}." in name)
    return update[name]


def top(updates: dict) -> dict[str, float]:
    found = {}
    for one, small in updates.items():
        for other, large in updates.items():
            if not (one.startswith("qv-8-") and other.startswith("qv-64-")) or seed(one) == seed(other):
                continue
            for layer in LAYERS:
                for site in "qv":
                    first = [np.linalg.svd(module(u, layer, site, "A"))[2][0] for u in (small, large)]
                    found[f"{one}|{other}|{layer}|{site}"] = float((first[0] @ first[1]) ** 2)
    return found


def seed(name: str) -> str:
    return re.search(r"data(\d+)", name)[1]


def weights(folder: Path) -> dict[int, np.ndarray]:
    """Q4_1: blocks of 32 as a half-precision step and minimum and 16 bytes, low halves first."""
    raw = np.frombuffer((folder / "q_proj.q4_1").read_bytes(), dtype=np.uint8).reshape(-1, 20)
    step, least = (raw[:, i : i + 2].copy().view("<f2").astype(np.float64) for i in (0, 2))
    values = np.concatenate([raw[:, 4:] & 15, raw[:, 4:] >> 4], axis=1) * step + least
    layers = values.reshape(len(LAYERS), WIDTH, WIDTH)
    return dict(zip(LAYERS, layers))


def amplified(updates: dict, weight: dict[int, np.ndarray]) -> dict:
    inside, factor = {}, {}
    for name, update in updates.items():
        rank = int(re.match(r"qv-(\d+)-", name)[1])
        if rank not in (4, 64):
            continue
        for layer, W in weight.items():
            A, B = (module(update, layer, "q", which) for which in "AB")
            delta = update["scale"] * B @ A
            left, _, right = np.linalg.svd(delta)
            key = f"{name}|{layer}"
            inside[key] = float(np.linalg.norm(left[:, :rank].T @ W @ right[:rank].T))
            factor[key] = float(np.linalg.norm(delta)) / inside[key]
    return {"inDelta": inside, "factor": factor}


if __name__ == "__main__":
    main(*sys.argv[1:])
