/** What an engine is asked for. @module */

import type { SamplingOptions } from "../models/sampling.ts";

/** A prompt to continue. */
export interface Work extends SamplingOptions {
  /** Its tokens, at least one. */
  readonly prompt: readonly number[];
  /** The name of its adapter; the base alone if there is none. */
  readonly adapter?: string;
  /** Most new tokens, at least one. */
  readonly maxNewTokens: number;
  /** Ends it, and is its last token. */
  readonly stopToken?: number;
  /** Seed of the sampling. */
  readonly seed: number;
  /** Sees all new tokens after each of them; true ends it. */
  readonly onToken?: (made: readonly number[]) => boolean;
  /** Aborted when nobody waits for it any more. */
  readonly signal?: AbortSignal;
}
