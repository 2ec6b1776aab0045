/**
 * A program that draws many figures: `drawing_program.ts WARM COUNT` prints the bytes of the heap that are
 * in use after WARM figures and after COUNT more. It wants `--v8-flags=--expose-gc`.
 *
 * @module
 */

import type { Figure } from "../../src/figures/figure.ts";
import { staticSvg } from "../../src/figures/still.ts";

const { gc } = globalThis as unknown as { gc(): void };
const [warm, count] = Deno.args.map(Number);

await draw(0, warm);
await report();
await draw(warm, warm + count);
await report();

/** Lines and heat maps by turns, no two the same. */
async function draw(begin: number, end: number): Promise<void> {
  for (let i = begin; i < end; i++) {
    const data: Figure["data"] = i % 2 === 0
      ? [{ type: "scatter", y: [i, 2, 3] }]
      : [{ type: "heatmap", z: [[i, 2], [3, 4]] }];
    await staticSvg({ id: `figure ${i}`, title: "A title", caption: "", data, layout: {} });
  }
}

/** Collects with turns of the event loop between: what a finalizer lets go goes with the next collection. */
async function report(): Promise<void> {
  for (let round = 0; round < 3; round++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  console.log(Deno.memoryUsage().heapUsed);
}
