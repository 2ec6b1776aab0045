/**
 * Decompositions and the analysis on them, ours with LAPACK and without beside ml-matrix and PyTorch, all
 * in float64: `LOWRANK_PYTHON=path/to/python deno task bench:linalg` prints a table.
 *
 * Every contender is a process of its own, which repeats each case for a second after a first run. Each
 * case ends in a number on which all must agree.
 *
 * @module
 */

import { rightDirections, similarityGrid, spectrum, updateSvd } from "../src/analysis/mod.ts";
import { backendFor } from "../src/linalg/linalg.ts";
import { singularValues, svd, symmetricEigen } from "../src/linalg/mod.ts";
import { values } from "./workloads.ts";

/** Output of a process: the contender's name, and ms and the checked number of every case. */
interface Found {
  readonly name: string;
  readonly cases: Readonly<Record<string, { least: number; median: number; check: number }>>;
}

/** The cases; a contender computes each and returns its number. */
type Cases = Readonly<Record<string, () => number>>;

const matrix = (seed: number, rows: number, columns: number) => {
  return { rows, columns, data: Float64Array.from(values(seed, rows * columns)) };
};

const sum = (numbers: ArrayLike<number>) => Array.from(numbers).reduce((total, x) => total + x, 0);

const update = (size: number, rank: number) => ({
  A: { shape: [rank, size], data: values(1, rank * size) },
  B: { shape: [size, rank], data: values(2, rank * size) },
  scaling: 1,
});

/** M + Mᵀ. */
function symmetric(size: number) {
  const { data, ...shape } = matrix(3, size, size);
  return {
    ...shape,
    data: data.map((x, at) => x + data[at % size * size + Math.floor(at / size)]),
  };
}

function ours(): Cases {
  const [large, small] = [update(4096, 64), update(768, 8)];
  const [square, core] = [matrix(3, 768, 768), matrix(3, 64, 64)];
  const even = symmetric(768), wide = [4, 5].map((seed) => matrix(seed, 64, 12288));
  return {
    "spectrum of 768 x 768, rank 8": () => sum(spectrum(small).singularValues),
    "spectrum of 4096 x 4096, rank 64": () => sum(spectrum(large).singularValues),
    "the same with vectors": () => sum(updateSvd(large).values),
    "svd of 64 x 64": () => sum(svd(core).values),
    "svd of 768 x 768": () => sum(svd(square).values),
    "its values alone": () => sum(singularValues(square)),
    "eigenvectors of symmetric 768 x 768": () => Math.max(...symmetricEigen(even).values),
    "φ of 64 x 64, d = 12288": () => {
      const [one, two] = wide.map((A) => rightDirections(A));
      return similarityGrid(one, two)[63][63];
    },
  };
}

async function mlMatrix(): Promise<Cases> {
  const { EigenvalueDecomposition, Matrix, QrDecomposition, SingularValueDecomposition } =
    await import(`npm:${"ml-matrix@6.12.1"}`);
  type Rows = { rows: number; columns: number; data: ArrayLike<number> };
  const of = ({ rows, columns, data }: Rows) => Matrix.from1DArray(rows, columns, data);
  const factors = ({ A, B }: ReturnType<typeof update>) =>
    [A, B].map(({ shape: [rows, columns], data }) => of({ rows, columns, data }));
  // deno-lint-ignore no-explicit-any -- a peer's matrix
  const svdOf = (m: any) => new SingularValueDecomposition(m, { autoTranspose: true });
  const none = { computeLeftSingularVectors: false, computeRightSingularVectors: false };
  // deno-lint-ignore no-explicit-any -- a peer's matrices
  const core = ([A, B]: any[]) => {
    const [b, a] = [B, A.transpose()].map((m) => new QrDecomposition(m));
    return { a, b, product: b.upperTriangularMatrix.mmul(a.upperTriangularMatrix.transpose()) };
  };
  const [large, small] = [factors(update(4096, 64)), factors(update(768, 8))];
  const [square, little] = [of(matrix(3, 768, 768)), of(matrix(3, 64, 64))];
  const even = of(symmetric(768)), wide = [4, 5].map((seed) => of(matrix(seed, 64, 12288)));
  // deno-lint-ignore no-explicit-any -- a peer's matrices
  const valuesOf = (pair: any[]) =>
    sum(new SingularValueDecomposition(core(pair).product, none).diagonal);
  return {
    "spectrum of 768 x 768, rank 8": () => valuesOf(small),
    "spectrum of 4096 x 4096, rank 64": () => valuesOf(large),
    "the same with vectors": () => {
      const { a, b, product } = core(large), found = svdOf(product);
      b.orthogonalMatrix.mmul(found.leftSingularVectors);
      a.orthogonalMatrix.mmul(found.rightSingularVectors);
      return sum(found.diagonal);
    },
    "svd of 64 x 64": () => sum(svdOf(little).diagonal),
    "svd of 768 x 768": () => sum(svdOf(square).diagonal),
    "its values alone": () => sum(new SingularValueDecomposition(square, none).diagonal),
    "eigenvectors of symmetric 768 x 768": () =>
      Math.max(...new EigenvalueDecomposition(even, { assumeSymmetric: true }).realEigenvalues),
    "φ of 64 x 64, d = 12288": () => {
      const [one, two] = wide.map((A) => svdOf(A).rightSingularVectors);
      return one.transpose().mmul(two).norm("frobenius") ** 2 / 64;
    },
  };
}

/**
 * Times the cases; a case that takes over a second is run once: there is nothing left to warm up.
 */
function measure(name: string, cases: Cases): Found {
  const timed = Object.entries(cases).map(([key, run]) => {
    let check = 0, times: number[] = [];
    const clock = () => {
      const start = performance.now();
      check = run();
      times.push(performance.now() - start);
    };
    clock();
    if (times[0] < 1000) {
      times = [];
      for (const end = performance.now() + 1000; performance.now() < end;) clock();
    }
    times.sort((a, b) => a - b);
    return [key, { least: times[0], median: times[times.length >> 1], check }];
  });
  return { name, cases: Object.fromEntries(timed) };
}

/** Settings of the libraries' threads are this benchmark's to make. */
async function spawn(program: string, args: string[], env: Record<string, string>): Promise<Found> {
  const { OPENBLAS_CORETYPE: _type, ...rest } = Deno.env.toObject();
  const { success, stdout, stderr } = await new Deno.Command(program, {
    ...{ args, env: { ...rest, ...env }, clearEnv: true },
  }).output();
  if (!success) throw new Error(`${args.at(-1)}: ${new TextDecoder().decode(stderr)}`);
  return JSON.parse(new TextDecoder().decode(stdout).trim().split("\n").pop()!);
}

async function compete(): Promise<Found[]> {
  const self = new URL(import.meta.url).pathname, deno = ["run", "-A", "--no-lock", self];
  const script = new URL("contenders/pytorch_linalg.py", import.meta.url).pathname;
  const python = Deno.env.get("LOWRANK_PYTHON") ?? "python3";
  const jobs: [string, string[], Record<string, string>][] = [
    [Deno.execPath(), [...deno, "ours"], { LOWRANK_BLAS: "off" }],
    [Deno.execPath(), [...deno, "ours"], { LOWRANK_BLAS: "auto" }],
    [Deno.execPath(), [...deno, "ml-matrix"], {}],
    [python, [script, "1"], {}],
    [python, [script, `${navigator.hardwareConcurrency}`], {}],
  ];
  const found: Found[] = [];
  for (const [program, args, env] of jobs) {
    found.push(await spawn(program, args, env));
    console.error(`${found.at(-1)!.name}: done`);
  }
  return found;
}

/** Least and median ms; `differs` where the number is not the first contender's to 1e-9. */
function tableOf(found: readonly Found[]): string {
  const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const lines = Object.entries(found[0].cases).map(([key, { check }]) =>
    row([
      key,
      ...found.map(({ cases: { [key]: own } }) => {
        const same = Math.abs(own.check - check) <= 1e-9 * Math.abs(check);
        return `${own.least.toPrecision(3)}, ${own.median.toPrecision(3)}${same ? "" : " differs"}`;
      }),
    ])
  );
  const head = ["ms (least, median)", ...found.map(({ name }) => name)];
  return [row(head), row(head.map((_, i) => i === 0 ? "---" : "--:")), ...lines].join("\n");
}

if (Deno.args[0] === "ours") {
  const { name } = backendFor(Infinity);
  console.log(JSON.stringify(measure(name === "own" ? "without LAPACK" : name, ours())));
} else if (Deno.args[0] === "ml-matrix") {
  console.log(JSON.stringify(measure("ml-matrix 6.12.1", await mlMatrix())));
} else {
  console.log(tableOf(await compete()));
}
