/** The record of a tuning, which the page draws. @module */

import type { SiteSpectrum } from "../../src/adapt/mod.ts";
import type { TinySettings } from "./settings.ts";
import type { TuningReading } from "./tuning.ts";

/** Settings and sizes of a tuning before its first step. */
export interface TuningStart {
  /** Settings of the training. */
  readonly settings: TinySettings;
  /** Lines of the training, and held-out lines. */
  readonly lines: readonly string[];
  /** The device. */
  readonly computedBy: string;
  /** Notes on the division of the lines. */
  readonly notes: string;
  /** Values that LoRA trains. */
  readonly parameters: number;
}

/** The losses and spectra of all steps so far. */
export class TuningCurves {
  /** Settings and sizes before the first step. */
  readonly start: TuningStart;
  /** The loss of each step before its update, in nats per token. */
  readonly losses: number[] = [];
  /** Losses of the lines that are held out, after so many steps. */
  readonly heldOut: (readonly [steps: number, loss: number])[] = [];
  /** Percent of these lines that are answered right, after so many steps; none of lines without answers. */
  readonly right: (readonly [steps: number, percent: number])[] = [];
  /** Lines that are asked. */
  asked = 0;
  /** Spectra of ΔW at every site, from step 0. */
  readonly spectra: (readonly SiteSpectrum[])[] = [];

  /** Begins with what was read before the first step. */
  constructor(start: TuningStart, reading: TuningReading) {
    this.start = start;
    this.take(reading);
  }

  /** Steps so far. */
  get steps(): number {
    return this.losses.length;
  }

  /** True if there are steps left. */
  get canContinue(): boolean {
    return this.steps < this.start.settings.steps;
  }

  /** Takes what a step has changed. */
  take({ loss, heldOut, answers, spectra }: TuningReading): void {
    if (loss !== undefined) this.losses.push(loss);
    if (heldOut !== undefined) this.heldOut.push([this.steps, heldOut]);
    if (answers) {
      this.right.push([this.steps, 100 * answers.right / answers.texts]);
      this.asked = answers.texts;
    }
    this.spectra.push(spectra);
  }
}
