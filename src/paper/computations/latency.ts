/** Table 1: adapters in the way of a forward pass. @module */

import { byFormula, type Computations } from "../computation.ts";
import { shapeOf } from "../models.ts";
import { measured } from "../printed/mod.ts";

const shape = shapeOf("gpt2-medium");

/** Widths of bottlenecks that have the printed size; the paper does not state them. */
const grid = [
  { size: "32 × 512", L: 8, H: 5 },
  { size: "16 × 256", L: 224, H: 112 },
  { size: "1 × 128", L: 224, H: 112 },
] as const;

/** The slow-down of an adapter, from the printed times. */
function slowdown(size: string, adapter: string): Computations[string] {
  const ms = (row: string) => Number(measured("table1", row, `${size}, ms`));
  return byFormula("slowdownPercent", { t_0: ms("FT or LoRA"), t: ms(adapter) });
}

/** Sizes of adapters, and the time that they add. */
export const latency: Computations = Object.fromEntries(
  grid.flatMap(({ size, ...widths }) =>
    (["L", "H"] as const).flatMap((kind) => {
      const adapter = `Adapter ${kind}`, r = widths[kind];
      return [
        [
          `${adapter}: ${size}, adapter parameters`,
          byFormula(`adapter${kind}Parameters`, { ...shape, r }, { inferred: `r = ${r}` }),
        ],
        [`${adapter}: ${size}, slow-down`, slowdown(size, adapter)],
      ];
    })
  ),
);
