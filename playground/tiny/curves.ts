/** What the page remembers of a tuning, which it draws. @module */

import type { SiteSpectrum } from "../../src/adapt/mod.ts";
import type { TinySettings } from "./settings.ts";
import type { TuningReading } from "./tuning.ts";

/** What is known of a tuning before its first step. */
export interface TuningStart {
  /** How it learns. */
  readonly settings: TinySettings;
  /** What it learns, and what is held out. */
  readonly lines: readonly string[];
  /** The device. */
  readonly computedBy: string;
  /** How the lines are divided. */
  readonly notes: string;
  /** Values that LoRA trains. */
  readonly parameters: number;
}

/** The losses and spectra of all steps so far. */
export class TuningCurves {
  /** What was known before. */
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

  /** Whether there are steps left. */
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
