/** The pictures of a planted shift. @module */

import { type DenseMatrix, denseOf } from "../../src/linalg/mod.ts";
import { element } from "../dom.ts";
import { fillChart } from "../draw/fill.ts";
import type { LessonParts, LessonReading, LessonSettings } from "../../src/lesson/lesson.ts";
import {
  type KeptRun,
  lossChart,
  lossLabel,
  type Spectrum,
  spectrumChart,
  spectrumLabel,
} from "./charts.ts";
import { comparable, showKept } from "./kept_run.ts";
import { drawMaps } from "./maps.ts";
import { drawPlane } from "./plane.ts";

/** With more spectra, every second is forgotten. */
const mostSpectra = 400;

/** Draws readings of one lesson, and remembers its spectra. */
export class PlantedView {
  readonly #inputs: DenseMatrix;
  readonly #settings: LessonSettings;
  #spectra: Spectrum[] = [];
  #reading: LessonReading | undefined;
  #merged: DenseMatrix | undefined;

  #kept: KeptRun | undefined;

  /** Begins a lesson, over a kept run if it can be compared. */
  constructor({ settings, task }: LessonParts, kept?: KeptRun) {
    this.#inputs = denseOf(task.batch.inputs);
    this.#settings = settings;
    this.#kept = comparable(kept, settings);
  }

  /** Takes a reading. */
  take(reading: LessonReading): void {
    const { steps, lora, full } = reading;
    if (this.#spectra.at(-1)?.steps !== steps) {
      this.#spectra.push({ steps, lora: lora.values, full: full.values });
    }
    if (this.#spectra.length > mostSpectra) {
      this.#spectra = this.#spectra.filter((_, i) => i % 2 === 0);
    }
    this.#reading = reading;
  }

  /** Keeps what was learned so far, to be drawn under the next run, or forgets what was kept. */
  keep(): KeptRun | undefined {
    const reading = this.#reading!, settings = this.#settings, spectra = this.#spectra;
    this.#kept = this.#kept ? undefined : { settings, reading, spectra: [...spectra] };
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
    const reading = this.#reading;
    if (!reading) return;
    if (this.#inputs.columns === 2) drawPlane(reading, this.#inputs, this.#merged);
    else drawMaps(reading, this.#merged);
    fillChart(
      "spectrum",
      spectrumLabel(reading),
      spectrumChart(reading, this.#spectra, this.#kept),
    );
    const chart = lossChart(reading, this.#kept);
    showKept(this.#kept, this.#settings);
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
