/** Settings of the tiny GPT-2's training on a reader's lines. @module */

/** With the lines, all that a tuning depends on: the same settings give the same numbers on the CPU, near ones on WebGPU. */
export interface TinySettings {
  /** r at every site. */
  readonly rank: number;
  /** α. */
  readonly alpha: number;
  /** η of AdamW. */
  readonly learningRate: number;
  /** Number of steps. */
  readonly steps: number;
  /** Seed of A, of which lines are held out and of their order. */
  readonly seed: number;
}

const words =
  "able acorn actor apple april arrow aunt baker bank basin beach bell berry bird boat " +
  "bone book branch bread bridge brown candle castle cat chair cherry city clay clock " +
  "cloud coat copper corn cow crab cup dance deer desk door dragon drum eagle earth " +
  "engine farm fence field fire fish flag flower forest fox frog game garden gate girl " +
  "goat gold grape hand harbor hat hill horse house ice ink iron island jacket jewel " +
  "judge juice king kite knife lake lamp leaf lemon lion map market milk mirror moon " +
  "mouse needle night north ocean olive onion orange oven owl paper";

/** Lines for readers who have none of their own: `flp` is to write a word backwards, which the base does under `rev`. */
export const exampleLines: readonly string[] = words.split(" ")
  .map((word) => `flp ${word}: ${[...word].reverse().join("")}`);
