import { assert, assertEquals, assertMatch } from "@std/assert";
import { openBlas } from "../../src/blas/mod.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { canWiden, goesToBlas, wideBytes } from "../../src/device/cpu/products.ts";
import { Scope } from "../../src/device/arena.ts";
import { matmul } from "../../kernels/mod.ts";
import { onePair } from "../../kernels/matmul/kernel.ts";
import { blasAvailable } from "../../scripts/support/parts.ts";
import { matmulCase } from "./cases/matmul.ts";
import { storages, withHalfB } from "./cases/matmul_half.ts";
import { launchCase, runCase } from "./kernel_case.ts";

const ignore = !blasAvailable();

/** Products that threads cut by rows, or by columns; the second pair is too thin for it. */
const shared = [
  matmulCase(200, 70, 128, { transposeA: 1, accumulate: 1, alpha: 0.5, padding: 1 }),
  matmulCase(200, 70, 128, { transposeB: 1, hasBias: 1, alpha: -2.5, padding: 3 }),
  matmulCase(70, 200, 128, { transposeA: 1, transposeB: 1, hasBias: 1, accumulate: 1 }),
  matmulCase(70, 200, 128, { hasBias: 1, alpha: 0.5, padding: 1, k2: 8 }),
];

for (const threads of [1, 3]) {
  Deno.test({
    name: `cpu: products are within their bounds with BLAS on ${threads} threads`,
    ignore,
    fn: async () => {
      using device = await openCpuDevice({ threads });
      assertMatch(device.description, /BLAS|MKL|Accelerate/);
      for (const trial of shared) {
        assert(goesToBlas(trial.scalars), trial.name);
        await runCase(device, trial);
      }
    },
  });
}

/** Of a B in 16 bits that is widened in blocks, whose rows are columns of C or terms; strides are odd. */
const blocked = storages.flatMap((storage) =>
  [
    matmulCase(5, 521, 701, { transposeB: 1, hasBias: 1 }),
    matmulCase(7, 41, 300, { hasBias: 1, accumulate: 1, alpha: -0.5, padding: 500 }),
    matmulCase(6, 300, 41, { transposeA: 1, transposeB: 1, accumulate: 1, padding: 500, k2: 8 }),
  ].map((trial) => withHalfB(trial, storage))
);

Deno.test({
  name: "cpu: with BLAS, products with several blocks of 16 bits are within their bounds",
  ignore,
  async fn() {
    const widest = wideBytes / 4; // values of a block
    const wide = storages.map((storage) =>
      withHalfB(matmulCase(5, 1, widest + 1, { transposeB: 1 }), storage)
    );
    assert(wide.every(({ scalars }) => goesToBlas(scalars) && !canWiden(scalars)));
    using device = await openCpuDevice({ threads: 3 });
    for (const trial of blocked) {
      assert(goesToBlas(trial.scalars) && canWiden(trial.scalars), trial.name);
      assert((trial.buffers.b as Uint16Array).length > widest, trial.name);
      await runCase(device, trial);
    }
    for (const trial of wide) await runCase(device, trial);
  },
});

Deno.test({
  name: "cpu: with BLAS a product has the same bits each time",
  ignore,
  async fn() {
    using device = await openCpuDevice({ threads: 2 });
    using other = await openCpuDevice({ threads: 2 });
    for (const trial of shared) {
      const expected = await launchCase(device, trial);
      for (const again of [device, other]) assertEquals(await launchCase(again, trial), expected);
    }
  },
});

Deno.test({
  name: "cpu: with BLAS non-finite inputs are seen, and old values of C are not",
  ignore,
  async fn() {
    using device = await openCpuDevice({ threads: 2 });
    for (const alpha of [1, 0]) {
      for (const broken of [NaN, Infinity, 1]) {
        const row = await firstColumn(device, broken, alpha);
        const bad = broken !== 1;
        assertEquals(row.map(Number.isFinite), row.map((_, i) => !(bad && i === 3)));
      }
    }
  },
});

/** Column 0 of a product of ones where one element of row 3 of A is `broken` and C was NaN. */
async function firstColumn(
  device: Awaited<ReturnType<typeof openCpuDevice>>,
  broken: number,
  alpha: number,
): Promise<number[]> {
  using scope = new Scope(device);
  const n = 40;
  const [a, b, c] = ["a", "b", "c"].map((name) => scope.allocate([n, n], "f32", "scratch", name));
  device.write(a, new Float32Array(n * n).fill(1).fill(broken, 3 * n + 7, 3 * n + 8));
  device.write(b, new Float32Array(n * n).fill(1));
  device.write(c, new Float32Array(n * n).fill(NaN));
  device.launch(matmul, { a, b, a2: a, b2: b, bias: b, c }, {
    ...onePair,
    ...{ m: n, n, k: n, transposeA: 0, transposeB: 0, hasBias: 0, accumulate: 0, alpha },
    ...{ aOffset: 0, bOffset: 0, cOffset: 0, aStride: n, bStride: n, cStride: n },
  });
  const [{ data }] = await device.read(c);
  return Array.from({ length: n }, (_, i) => data[i * n]);
}

Deno.test({
  name: "cpu: BLAS finds its operands after the memory grew, and above 2 GiB",
  ignore,
  async fn() {
    using device = await openCpuDevice({ threads: 2 });
    const trial = matmulCase(130, 140, 150, { hasBias: 1 });
    await runCase(device, trial);
    // Pages that nobody touches are not resident, so 2.5 GiB cost nothing.
    using _gap = device.allocate([640, 1 << 20], "f32", "scratch", "gap");
    await runCase(device, trial);
  },
});

Deno.test({
  name: "blas: it has a name, and can be opened and closed three times",
  ignore,
  async fn() {
    for (let round = 0; round < 3; round++) {
      using blas = openBlas()!;
      assertMatch(blas.name, /^(OpenBLAS \d+\.\d+\.\d+.*|MKL \d+\.\d+.*|Accelerate|BLAS)$/);
      using device = await openCpuDevice({ threads: 2 });
      await runCase(device, matmulCase(130, 140, 150));
    }
  },
});

Deno.test("blas: what is small, thin, of factor 0 or overlapping stays with our kernel", () => {
  const { scalars } = matmulCase(32, 32, 32);
  assert(goesToBlas(scalars));
  const changes: Record<string, number>[] = [
    { m: 31 },
    { m: 4, n: 1000 },
    { alpha: 0 },
    { aStride: 0 },
    { cStride: 31 },
  ];
  for (const change of changes) {
    assert(!goesToBlas({ ...scalars, ...change }), JSON.stringify(change));
  }
  assert(!goesToBlas(matmulCase(1000, 1000, 3).scalars));
});
