"""Spectra, subspaces, amplification and intruders from dense matrices, by definition, at 50 digits."""

from pathlib import Path

import mpmath
import numpy as np
from mpmath import mp, mpf

from common import write_json

FILES = {
    "analysis.json": "`updates`: A, B, scaling, W and what section 4 of the definitions says of dW = scaling B A; "
    "`pairs`: two updates of one layer with phi grids (on A, on dW left and right, on dW S^1/2 right) and principal "
    "angles of the right directions; matrices are lists of rows",
}
DIGITS = 50


def make(root: Path) -> None:
    with mpmath.workdps(DIGITS):
        source = np.random.default_rng(11)
        write_json(root / "analysis.json", {
            "updates": [update(source, *shape) for shape in [(9, 12, 4, 2.0), (12, 7, 3, 0.25), (6, 6, 1, 1.0), (3, 10, 5, -1.5)]],
            "pairs": [pair(source, 10, 12, 3, 5, 0.0), pair(source, 8, 9, 4, 4, 1e-6)],
        })


def factors(source: np.random.Generator, out: int, inner: int, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """A and B in F32, as files hold them, with a falling spectrum."""
    a, b = source.normal(size=(rank, inner)), source.normal(size=(out, rank)) * 0.6 ** np.arange(rank)
    return a.astype(np.float32).astype(float), b.astype(np.float32).astype(float)


def update(source: np.random.Generator, out: int, inner: int, rank: int, scaling: float) -> dict:
    a, b = factors(source, out, inner, rank)
    w = source.normal(size=(out, inner))
    delta = dense(a, b, scaling)
    u, values, v = svd(delta)
    size = min(rank, out, inner)
    values, total = values[:size], sum(values[:size])
    squares = [value**2 for value in values]
    return {
        "A": a.tolist(), "B": b.tolist(), "scaling": scaling, "W": w.tolist(),
        "singularValues": numbers(values),
        "frobenius": float(norm(delta)),
        "stableRank": float(sum(squares) / squares[0]),
        "effectiveRank": float(mp.exp(-sum(value / total * mp.log(value / total) for value in values))),
        "participationRatio": float(sum(squares) ** 2 / sum(square**2 for square in squares)),
        "nuclearRatio": float(total**2 / sum(squares)),
        "energyRanks": {tau: energy_rank(squares, mpf(tau)) for tau in ("0.5", "0.9", "0.99")},
        "truncation": [float(norm(delta - truncated(u, values, v, k))) for k in range(size + 1)],
        "amplification": amplification(delta, matrix(w), u, v, size),
        "intruders": intruders(matrix(w), delta),
    }


def energy_rank(squares: list, tau: mpf) -> int:
    return next(k for k in range(1, len(squares) + 1) if sum(squares[:k]) >= tau * sum(squares))


def truncated(u, values, v, k: int):
    out = mp.zeros(u.rows, v.rows)
    for i in range(k):
        out += values[i] * u[:, i] * v[:, i].T
    return out


def amplification(delta, w, u, v, rank: int) -> dict:
    wu, wvalues, wv = svd(w)
    projected = lambda left, right: float(norm(left[:, :rank].T * w * right[:, :rank]))
    return {
        "rank": rank, "weightNorm": float(norm(w)),
        "delta": projected(u, v), "weight": projected(wu, wv),
        "factor": float(norm(delta) / norm(u[:, :rank].T * w * v[:, :rank])),
    }


def intruders(w, delta) -> dict:
    """For each of the first 5 left directions of W + dW: its largest cosine with one of W's, and with 3 neighbors'."""
    before, after = svd(w)[0], svd(w + delta)[0]
    count = min(5, after.cols)
    cosines = [[abs((after[:, j].T * before[:, i])[0]) for i in range(before.cols)] for j in range(count)]
    block = min(3, before.cols)
    blocks = [max(mp.sqrt(sum(c**2 for c in row[i:i + block])) for i in range(len(row) - block + 1)) for row in cosines]
    return {"cosines": numbers(max(row) for row in cosines), "blockCosines": numbers(blocks), "block": block}


def pair(source: np.random.Generator, out: int, inner: int, rank: int, other: int, shared: float) -> dict:
    one, two = factors(source, out, inner, rank), factors(source, out, inner, other)
    if shared:  # the first rows of A almost agree: small angles are where a cosine says little
        two[0][:2] = (one[0][:2] + shared * source.normal(size=(2, inner))).astype(np.float32)
    activations = source.normal(size=(40, inner)) * 0.7 ** np.arange(inner)
    moment = activations.T @ activations / len(activations)
    moment = (moment + moment.T) / 2
    root_of_moment = square_root(matrix(moment))
    updates = [dense(*factors_of, 1.0) for factors_of in (one, two)]
    weighted = [delta * root_of_moment for delta in updates]
    ranks = (rank, other)
    rights = [svd(matrix(factors_of[0]))[2][:, :r] for factors_of, r in zip((one, two), ranks)]
    return {
        "A": [one[0].tolist(), two[0].tolist()], "B": [one[1].tolist(), two[1].tolist()],
        "activations": activations.tolist(), "secondMoment": moment.tolist(),
        "phi": {
            "A": grid(*rights),
            "delta-left": grid(*(svd(delta)[0][:, :r] for delta, r in zip(updates, ranks))),
            "delta-right": grid(*(svd(delta)[2][:, :r] for delta, r in zip(updates, ranks))),
            "metric-right": grid(*(svd(delta)[2][:, :r] for delta, r in zip(weighted, ranks))),
        },
        "angles": numbers(angles(*rights)),
    }


def grid(one, two) -> list[list[float]]:
    return [
        [float(norm(one[:, :i].T * two[:, :j]) ** 2 / min(i, j)) for j in range(1, two.cols + 1)]
        for i in range(1, one.cols + 1)
    ]


def angles(one, two) -> list:
    cosines = mpmath.svd_r(one.T * two, compute_uv=False)
    return sorted(mp.acos(min(cosine, mpf(1))) for cosine in cosines)


def square_root(symmetric):
    values, vectors = mpmath.eigsy(symmetric)
    return vectors * mp.diag([mp.sqrt(max(value, mpf(0))) for value in values]) * vectors.T


def dense(a: np.ndarray, b: np.ndarray, scaling: float):
    return mpf(scaling) * matrix(b) * matrix(a)


def svd(values):
    """U, the values from the largest on, V; vectors are columns."""
    u, s, v = mpmath.svd_r(values)
    order = sorted(range(len(s)), key=lambda i: -s[i])
    pick = lambda m: mp.matrix([[m[i, j] for j in order] for i in range(m.rows)])
    return pick(u), [s[i] for i in order], pick(v.T)


def norm(values):
    return mpmath.mnorm(values, "f")


def matrix(values: np.ndarray):
    return mpmath.matrix(values.tolist())


def numbers(values) -> list[float]:
    return [float(value) for value in values]
