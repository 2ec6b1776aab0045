/** The pictures of a planted shift. @module */

import { type DenseMatrix, denseOf } from "../../src/linalg/mod.ts";
import { element } from "../dom.ts";
import { fillChart } from "../draw/fill.ts";
import type { LessonParts, LessonReading, LessonSettings } from "../../src/lesson/lesson.ts";
import type { State } from "../state.ts";
import { type KeptRun, lossChart, lossLabel, spectrumChart, spectrumLabel } from "./charts.ts";
import { comparable, showKept } from "./kept_run.ts";
import { drawMaps } from "./maps.ts";
import { drawPlane } from "./plane.ts";
import { RunRecord } from "./run_record.ts";
import type { BesideReading } from "./words.ts";

/** Draws readings of one lesson, and of another beside it, if there is one. */
export class PlantedView {
  readonly #inputs: DenseMatrix;
  readonly #run: RunRecord;
  readonly #second: RunRecord | undefined;
  #merged: DenseMatrix | undefined;
  #kept: KeptRun | undefined;

  /** Begins a lesson, with another beside it or over a kept run that can be compared. */
  constructor({ settings, task }: LessonParts, kept?: KeptRun, beside?: LessonParts) {
    this.#inputs = denseOf(task.batch.inputs);
    this.#run = new RunRecord(settings);
    this.#second = beside && new RunRecord(beside.settings);
    this.#kept = comparable(kept, settings);
  }

  /** Takes a reading, and one of the lesson beside. */
  take(reading: LessonReading, beside?: LessonReading): void {
    this.#run.take(reading);
    if (beside) this.#second?.take(beside);
  }

  /** The last reading of the lesson beside. */
  get beside(): BesideReading | undefined {
    const second = this.#second;
    return second?.reading && { rank: second.settings.rank, reading: second.reading };
  }

  /** Keeps what was learned so far, to be drawn under the next run, or forgets what was kept. */
  keep(): KeptRun | undefined {
    this.#kept = this.#kept ? undefined : this.#run.soFar;
    this.draw();
    return this.#kept;
  }

  /** Shows a merged matrix beside, or none. */
  showMerged(matrix?: DenseMatrix): void {
    this.#merged = matrix;
    this.draw();
  }

  /** Draws the last reading. */
  draw(): void {
    const run = this.#run.soFar;
    if (!run) return;
    const { reading, spectra } = run, under = this.#second?.soFar ?? this.#kept;
    if (this.#inputs.columns === 2) drawPlane(reading, this.#inputs, this.#merged);
    else drawMaps(reading, this.#merged, this.beside);
    fillChart("spectrum", spectrumLabel(reading), spectrumChart(reading, spectra, under));
    const chart = lossChart(reading, under);
    showKept(under, run.settings, this.#second ? "beside" : "kept");
    fillChart("loss", lossLabel(reading), chart);
    element("best").hidden = !chart.marks.some(({ role }) => role === "target");
  }
}

/** Shows the figures of a state: planes or maps, and why B and A are twice as large with some ways to begin. */
export function showFigures({ width, start }: LessonSettings): void {
  element("plane").hidden = width !== 2;
  element("matrix").hidden = width === 2;
  element("halves").hidden = start !== "pissa" && start !== "olora";
}

/** The largest rank of two runs that stand beside each other after a press on one button. */
const besideRank = 8;

/** The change that shows r = 1 beside a larger rank, or one run alone again. */
export function besideTurned({ beside, width }: State): Partial<State> {
  return beside > 0 ? { beside: 0 } : { rank: 1, beside: Math.min(besideRank, width) };
}

/** Names the button by what it does. */
export function showTwo(state: State): void {
  const { rank, beside } = besideTurned(state);
  element("two").textContent = beside === 0 ? "One run alone" : `r = ${rank} beside r = ${beside}`;
}
