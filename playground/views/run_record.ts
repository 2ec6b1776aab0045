/** The record of one run: its settings, its spectra so far, and its last reading. @module */

import type { LessonReading, LessonSettings } from "../../src/lesson/lesson.ts";
import type { KeptRun, Spectrum } from "./charts.ts";

/** With more spectra, every second is forgotten. */
const mostSpectra = 400;

/** Remembers readings of one run. */
export class RunRecord {
  /** Settings of the run. */
  readonly settings: LessonSettings;
  /** The last reading. */
  reading: LessonReading | undefined;
  #spectra: Spectrum[] = [];

  /** Begins without a reading. */
  constructor(settings: LessonSettings) {
    this.settings = settings;
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
    this.reading = reading;
  }

  /** The run so far, which further readings leave as it is. */
  get soFar(): KeptRun | undefined {
    const { settings, reading } = this;
    return reading && { settings, reading, spectra: [...this.#spectra] };
  }
}
