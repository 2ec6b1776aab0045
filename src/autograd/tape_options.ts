/** How a tape behaves. @module */

import type { OptionNames } from "../core/options.ts";
import type { Tensor } from "../device/device.ts";

/** How a tape behaves. */
export interface TapeOptions {
  /** False to compute without recording. Default true. */
  readonly record?: boolean;
  /** Seed of this step's dropout masks; without one dropout is off. */
  readonly dropoutSeed?: number;
  /**
   * Whether the blocks of models keep only what they read, and are computed once more for the backward pass:
   * the same gradients, with fewer bytes and more time. Default false.
   */
  readonly activationCheckpointing?: boolean;
  /** Called by every linear layer with its weight's name and its input, which lives as long as the tape. */
  readonly onLinear?: (weight: string, input: Tensor) => void;
}

/** The names of {@link TapeOptions}. */
export const tapeNames: OptionNames<TapeOptions> = {
  record: true,
  dropoutSeed: true,
  activationCheckpointing: true,
  onLinear: true,
};
