/**
 * Notebooks: showing what the toolkit makes, progress, the Stop button and sliders. This is the only part
 * that knows Jupyter; in a terminal everything prints text.
 *
 * @example
 * ```ts
 * import { check, setup, show, tex } from "@lowrank/core/notebook";
 *
 * await setup();
 * await show(tex("\\Delta W = s B A"));
 * await check("two is even", 2 % 2 === 0);
 * ```
 *
 * @module
 */

export type {
  DataTable,
  Figure,
  Finding,
  JudgedClaim,
  Outcome,
  TableColumn,
  Unit,
  Verdict,
} from "../../experiments/mod.ts";
export { check, runExperiment } from "./check.ts";
export { help } from "./help.ts";
export { type LiveFigure, liveFigure } from "./live_figure.ts";
export { type Tex, tex } from "./part.ts";
export { predict, type Prediction, savePredictions } from "./predict.ts";
export { type Progress, progress } from "./progress.ts";
export { setup } from "./setup.ts";
export { show } from "./show.ts";
export {
  type Choice,
  type Choices,
  type Control,
  type Controls,
  type ControlWords,
  type Range,
  slider,
  type ValueOf,
  type ValuesOf,
} from "./slider.ts";
export { stoppable } from "./stop.ts";
