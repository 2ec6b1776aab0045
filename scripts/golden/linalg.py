"""Singular values and eigenvalues of small matrices, from mpmath at 50 digits."""

from pathlib import Path

import mpmath
import numpy as np

from common import write_json

FILES = {
    "linalg.json": "`singularValues`: name, rows of a float64 matrix, its singular values (largest first) and `each`, "
    "whether every value counts to 1e-12 of itself (condition up to 1e3); `symmetric`: the same with eigenvalues",
}
DIGITS = 50


def make(root: Path) -> None:
    with mpmath.workdps(DIGITS):
        write_json(root / "linalg.json", {
            "singularValues": [singular_case(*case) for case in singular_cases()],
            "symmetric": [symmetric_case(*case) for case in symmetric_cases()],
        })


def singular_cases() -> list[tuple[str, np.ndarray, bool]]:
    source = np.random.default_rng(7)
    scales = source.normal(size=(9, 7))
    return [
        ("Gaussian, tall", source.normal(size=(13, 8)), True),
        ("Gaussian, wide", source.normal(size=(8, 13)), True),
        ("Gaussian, square", source.normal(size=(17, 17)), False),
        ("condition 1e3", planted(source, 16, 12, np.geomspace(1, 1e-3, 12)), True),
        ("condition 1e7", planted(source, 12, 16, np.geomspace(1, 1e-7, 12)), False),
        ("repeated", planted(source, 12, 10, np.array([3.0] * 4 + [2.0] * 3 + [1.0] * 3)), True),
        ("rank 3 of 9", source.normal(size=(11, 3)) @ source.normal(size=(3, 9)), False),
        ("rows from 1 to 1e-12", source.normal(size=(8, 8)) * np.geomspace(1, 1e-12, 8)[:, None], False),
        ("one row is zero", source.normal(size=(6, 6)) * np.array([1, 1, 0, 1, 1, 1])[:, None], False),
        ("zero", np.zeros((4, 6)), True),
        ("times 1e-150", scales * 1e-150, True),
        ("times 1e150", scales * 1e150, True),
        ("ones", np.ones((5, 7)), False),
        ("1 x 1", np.array([[-2.5]]), True),
        ("1 x 6", source.normal(size=(1, 6)), True),
        ("6 x 1", source.normal(size=(6, 1)), True),
    ]


def planted(source: np.random.Generator, rows: int, columns: int, values: np.ndarray) -> np.ndarray:
    left = np.linalg.qr(source.normal(size=(rows, len(values))))[0]
    right = np.linalg.qr(source.normal(size=(columns, len(values))))[0]
    return left * values @ right.T


def singular_case(name: str, matrix: np.ndarray, each: bool) -> dict:
    values = mpmath.svd_r(mpmath.matrix(matrix.tolist()), compute_uv=False)
    return {"name": name, "each": each, "matrix": matrix.tolist(), "values": floats(sorted(values, reverse=True))}


def symmetric_cases() -> list[tuple[str, np.ndarray]]:
    source = np.random.default_rng(8)
    square = source.normal(size=(12, 12))
    basis = np.linalg.qr(square)[0]
    repeated = basis * np.array([2.0] * 5 + [-1.0] * 7) @ basis.T
    return [
        ("Gaussian", square + square.T),
        ("a Gram matrix", square @ square.T),
        ("repeated", (repeated + repeated.T) / 2),
        ("times 1e150", (square + square.T) * 1e150),
        ("times 1e-150", (square + square.T) * 1e-150),
        ("diagonal", np.diag([3.0, -1.0, 0.0, 2.0])),
        ("zero", np.zeros((3, 3))),
        ("1 x 1", np.array([[-4.0]])),
        ("2 x 2", np.array([[1.0, 2.0], [2.0, 1.0]])),
    ]


def symmetric_case(name: str, matrix: np.ndarray) -> dict:
    values = mpmath.eigsy(mpmath.matrix(matrix.tolist()), eigvals_only=True)
    return {"name": name, "matrix": matrix.tolist(), "values": floats(sorted(values, reverse=True))}


def floats(values: list) -> list[float]:
    return [float(value) for value in values]
