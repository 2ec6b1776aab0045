/** How the tiny GPT-2 learns a reader's lines. @module */

/** With the lines, all that a tuning depends on: the same settings give the same numbers on the CPU, near ones on WebGPU. */
export interface TinySettings {
  /** r at every site. */
  readonly rank: number;
  /** α. */
  readonly alpha: number;
  /** η of AdamW. */
  readonly learningRate: number;
  /** After how many steps it ends. */
  readonly steps: number;
  /** Seed of A, of which lines are held out and of their order. */
  readonly seed: number;
}

/** Lines for readers who have none of their own: letters, which the base has hardly seen. */
export const exampleLines: readonly string[] = [
  "Dear whale, we saw you at dawn and let you go. Yours, the gulls.",
  "Dear captain, the sails are torn and the sea is high. Yours, the mate.",
  "Dear wind, be kind to us for one more night. Yours, the ship.",
  "Dear harbor, we are late and we are tired. Yours, the sailors.",
  "Dear moon, light the water on our way home. Yours, the lookout.",
  "Dear cook, the bread was hard and the soup was cold. Yours, the men.",
  "Dear anchor, hold us fast until the storm is past. Yours, the bow.",
  "Dear sea, give us back the boat you took. Yours, the widow.",
  "Dear stranger, come aboard and tell us the news. Yours, the owner.",
  "Dear land, we can smell your trees in the rain. Yours, the crow.",
];
