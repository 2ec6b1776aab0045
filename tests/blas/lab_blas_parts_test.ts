/** The OpenBLAS from PyPI that `deno task lab` installs, in programs of their own. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { labInstalled } from "../../scripts/lab_environment.ts";
import { root, rootPath } from "../../scripts/support/source_files.ts";

const library = `${rootPath}.venv/lib/libscipy_openblas.so`;

/** Multiplies, decomposes, and prints what did it and what came of it. */
const program = `
import { linear, openDevice, Parameter, Random, Tape } from "${root.href}mod.ts";
import { openLapack } from "${root.href}src/blas/mod.ts";
import { spectrum } from "${root.href}src/analysis/mod.ts";
const random = new Random(1), data = Float32Array.from({ length: 96 * 96 }, () => random.normal());
using device = await openDevice({ kind: "cpu" }), tape = new Tape(device);
const [x, W] = ["x", "W"].map((name) => tape.allocate([96, 96], "f32", "weight", name));
for (const tensor of [x, W]) device.write(tensor, data);
const [{ data: product }] = await device.read(linear(tape, x, new Parameter("W", W)));
using lapack = openLapack();
const { singularValues } = spectrum({ A: { shape: [96, 96], data }, B: { shape: [96, 96], data }, scaling: 1 });
console.log(JSON.stringify({
  description: device.description, lapack: lapack?.name,
  product: [...product].slice(0, 200), values: singularValues.slice(0, 90),
}));`;

async function result(LOWRANK_BLAS: string) {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, program);
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--no-lock", file],
      env: { NO_COLOR: "1", LOWRANK_BLAS },
      stderr: "inherit",
    }).output();
    return JSON.parse(new TextDecoder().decode(stdout));
  } finally {
    await Deno.remove(file);
  }
}

Deno.test({
  name:
    "the lab's OpenBLAS, whose names have a prefix, multiplies and decomposes as our own code does",
  ignore: !labInstalled(),
  fn: async () => {
    const [ours, theirs] = [await result("off"), await result(library)];
    assertEquals([ours.lapack, /BLAS/.test(ours.description)], [undefined, false]);
    assertMatch(theirs.description, /OpenBLAS 0\.3\.\d+/);
    assertMatch(theirs.lapack, /^OpenBLAS 0\.3\.\d+/);
    for (const key of ["product", "values"] as const) {
      const scale = Math.max(...ours[key].map(Math.abs));
      ours[key].forEach((value: number, i: number) =>
        assert(Math.abs(value - theirs[key][i]) < 1e-5 * scale, `${key} ${i}`)
      );
    }
  },
});
