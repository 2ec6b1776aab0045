/** Arms of fewer trained values than LoRA of rank 1 has: cores between singular vectors. @module */

import type { MethodSpec } from "../../../src/runs/mod.ts";
import { type ArmRun, type ArmStudy, studiedTasks } from "../arms.ts";
import { bestRate, type TriedShares } from "../needed_rank/runs.ts";
import found from "./learning_rates.json" with { type: "json" };

/** A method with fewer values than LoRA of rank 1. */
export interface SmallArm {
  /** The method, as a reader sees it. */
  readonly method: "LoRA-XS" | "TinyLoRA";
  /** Rank of the cores. */
  readonly rank: number;
  /** Values of TinyLoRA's one vector. */
  readonly values?: number;
}

/** The arms of a task. */
export const smallArms: readonly SmallArm[] = [
  ...[1, 2, 4, 8, 16, 32].map((rank) => ({ method: "LoRA-XS", rank } as const)),
  ...[[1, 2], [13, 2], [100, 8], [900, 16]].map(([values, rank]) =>
    ({ method: "TinyLoRA", rank, values }) as const
  ),
];

/** `LoRA-XS, r = 8`, `TinyLoRA of 13 values`; the key of a rate. */
export const smallName = ({ method, rank, values }: SmallArm): string =>
  values === undefined ? `${method}, r = ${rank}` : `${method} of ${values} values`;

/** The method on all linear layers. */
function methodOf({ rank, values }: SmallArm): MethodSpec {
  const shared = { kind: "tinylora", rank, targetModules: "all-linear" } as const;
  return values === undefined
    ? { ...shared, core: "entries" }
    : { ...shared, vectorSize: values, weightTying: 1 };
}

/** One training. */
export type SmallRun = ArmRun<SmallArm>;

const rates = found.tried as Readonly<Record<string, Readonly<Record<string, TriedShares>>>>;

/** The study of few values. */
export const smallStudy: ArmStudy<SmallArm> = {
  nameOf: smallName,
  methodOf,
  seedOf: (task, arm, repeat) =>
    3_000_000 + 10_000 * repeat + 100 * (studiedTasks.indexOf(task) + 1) + smallArms.indexOf(arm),
  rateOf: (task, arm) => bestRate(rates[task.name][smallName(arm)]),
  gridOf: () => ({ first: [0.01, 0.03, 0.1], factor: 3, most: 6 }),
};
