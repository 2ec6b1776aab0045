/** The held-out losses of tasks for the adapters that are merged, as notebooks draw them. @module */

import { axis, barsAcross, baseLayout, dots, type Figure, palette } from "../figures/mod.ts";

/** A task's held-out loss with the merged adapters, next to its two reference values. */
export interface TaskLoss {
  /** Its name. */
  readonly task: string;
  /** Nats per token, now. */
  readonly loss: number;
  /** Of the base. */
  readonly base: number;
  /** Of the base with the adapter that was trained for it, and nothing else. */
  readonly adapted: number;
}

const taskOf = ({ task }: TaskLoss) => task;

/** A bar for each task, with two marks that stay: the base and the task's own adapter. */
export function taskLossFigure(rows: readonly TaskLoss[], caption: string): Figure {
  const marks = (name: string, loss: (row: TaskLoss) => number, color: string) =>
    dots(rows, loss, taskOf, { color, size: 26, symbol: "line-ns-open", line: { width: 3 } }, {
      name,
    });
  const most = 1.5 * Math.max(...rows.map(({ base }) => base)), color = palette.lora[0];
  return {
    id: "task-losses",
    title: "Held-out loss of each task",
    caption,
    data: [
      barsAcross(rows, ({ loss }) => loss, taskOf, { color }, { name: "now", width: 0.5 }),
      marks("the base", ({ base }) => base, palette.base),
      marks("its own adapter", ({ adapted }) => adapted, palette.lora[2]),
    ],
    layout: baseLayout(
      axis("held-out loss (nats per token)", { range: [0, most] }),
      axis("", { autorange: "reversed" }),
      { height: 300, showlegend: true },
    ),
  };
}
