"""Figures of the map of needed ranks, from its shipped rows alone: `check_rows.py FOLDER` prints them as JSON.

FOLDER is `experiments/skills/needed_rank`. `means` has the mean share of right answers of each arm of the map, in percent,
`needed` the rank that each task needs on each line (null where none is enough, "none" where there is nothing to reach), both by
decision 0055; `peft` the two means of each cell that PyTorch trained too, and two standard errors of their difference, by 0059.
"""

import json
import sys
from pathlib import Path

import numpy as np

STEPS, ENOUGH, LEAST = 300, 1.0, 10.0


def main(folder: str) -> None:
    rows = {name: json.loads((Path(folder) / f"{name}.json").read_text())["rows"] for name in ("needed_rank", "peft")}
    runs = plain(rows["needed_rank"]["mapRuns"])
    print(json.dumps({"means": means(runs), "needed": needed(runs), "peft": peft(runs, rows["peft"])}))


def plain(runs: list[dict]) -> list[dict]:
    return [row for row in runs if row["base"] == "trained" and row["steps"] == STEPS]


def shares(rows: list[dict]) -> dict[tuple, np.ndarray]:
    """By task, line and rank; 0 for what has none."""
    found: dict[tuple, list[float]] = {}
    for row in rows:
        found.setdefault((row["task"], row["line"], row.get("rank", 0)), []).append(row["right"])
    return {arm: np.array(values, dtype=np.float64) for arm, values in found.items()}


def means(runs: list[dict]) -> dict[str, float]:
    return {"|".join(map(str, arm)): float(values.mean()) for arm, values in shares(runs).items()}


def needed(runs: list[dict]) -> dict[str, int | str | None]:
    by_arm = shares(runs)
    return {f"{task}|{line}": needed_on(by_arm, task, line) for task, line, rank in by_arm if rank == 1}


def needed_on(by_arm: dict[tuple, np.ndarray], task: str, line: str) -> int | str | None:
    ranks = np.array(sorted(rank for one, other, rank in by_arm if (one, other) == (task, line)))
    right = np.array([by_arm[task, line, rank].mean() for rank in ranks])
    full = by_arm.get((task, "full", 0), np.zeros(1)).mean()
    reference = max(right.max(), full)
    if reference < LEAST:
        return "none"
    enough = ranks[right > reference - ENOUGH - 1e-8]
    return int(enough[0]) if len(enough) else None


def peft(ours: list[dict], theirs: list[dict]) -> dict[str, list[float]]:
    one, other = shares(ours), shares(theirs)
    texts = theirs[0]["texts"]
    return {"|".join(map(str, arm)): compared(one[arm], other[arm], texts) for arm in other}


def compared(one: np.ndarray, other: np.ndarray, texts: int) -> list[float]:
    seeds = np.sqrt((one.var(ddof=1) + other.var(ddof=1)) / 2 * (1 / len(one) + 1 / len(other)))
    answers = len(one) * texts
    right = np.array([one.mean(), other.mean()]) / 100 * answers + 1
    p = right / (answers + 2)
    binomial = 100 * np.sqrt((p * (1 - p)).sum() / (answers + 2))
    return [float(one.mean()), float(other.mean()), float(2 * max(seeds, binomial))]


if __name__ == "__main__":
    main(*sys.argv[1:])
