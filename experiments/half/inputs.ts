/** The inputs of q and v on the tasks: how many dimensions they have, and what a random A would leave of an even shift. @module */

import type { Device } from "../../src/device/device.ts";
import { secondMoments } from "../../src/inspect/mod.ts";
import { symmetricEigen } from "../../src/linalg/mod.ts";
import { batchesOf, openSkillsBase, skillSteps } from "../skills/runs.ts";
import { shareLeft } from "./frozen_a.ts";
import { studiedTasks } from "../skills/arms.ts";
import { halfMethod } from "./runs.ts";

/** The inputs of a layer on a task. */
export interface InputRow {
  /** The task. */
  readonly task: string;
  /** The layer, `h.0`. */
  readonly layer: string;
  /** (Σ λ)² / Σ λ² of their covariance. */
  readonly dimensions: number;
  /** The share of an even shift that the formula leaves at r = 1. */
  readonly one: number;
  /** At r = 8. */
  readonly eight: number;
  /** At r = 32. */
  readonly thirtyTwo: number;
  /** At r = 64. */
  readonly sixtyFour: number;
}

/** Texts whose inputs are measured. */
const texts = 100;

/** Inputs of the base, before any training, on unseen texts of each task. */
export async function inputRows(device: Device): Promise<InputRow[]> {
  using base = await openSkillsBase(device, "trained", 0);
  const layers = base.linears.map(({ name }) => name).filter((name) => name.endsWith("c_attn"));
  const rows: InputRow[] = [];
  for (const task of studiedTasks) {
    const { measured } = await batchesOf({
      ...{ task, method: halfMethod(1), learningRate: 0, steps: skillSteps, seed: 0 },
      ...{ split: "test", measured: texts },
    });
    const moments = await secondMoments(base, layers, measured, { centered: true });
    for (const [name, moment] of moments) {
      const values = Array.from(symmetricEigen(moment).values, (value) => Math.max(value, 0));
      rows.push({
        task: task.name,
        layer: name.split(".").slice(1, 3).join("."),
        ...spread(values),
      });
    }
  }
  return rows;
}

/** An even shift has as much of the loss in a direction as the inputs have variance. */
function spread(values: readonly number[]): Omit<InputRow, "task" | "layer"> {
  const sum = (power: number) => values.reduce((all, value) => all + value ** power, 0);
  const [one, eight, thirtyTwo, sixtyFour] = [1, 8, 32, 64]
    .map((rank) => shareLeft(values, values, rank));
  return { dimensions: sum(1) ** 2 / sum(2), one, eight, thirtyTwo, sixtyFour };
}
