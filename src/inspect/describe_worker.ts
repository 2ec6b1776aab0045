/** A worker that describes updates: what it is sent, it answers. @module */

import type { HostTensor } from "../core/host_tensor.ts";
import type { LowRankUpdate } from "../core/low_rank_update.ts";
import { type DescribeOptions, describeUpdate, type UpdateRow } from "./describe.ts";

/** An update to describe. */
export interface DescribeTask {
  /** The update. */
  readonly update: LowRankUpdate;
  /** How. */
  readonly options: DescribeOptions;
  /** W, if it is compared with it. */
  readonly weight?: HostTensor;
}

/** Its row; undefined where that fails. */
export type DescribeAnswer = UpdateRow | undefined;

interface WorkerScope {
  onmessage: (event: { readonly data: DescribeTask }) => void;
  postMessage(answer: DescribeAnswer): void;
}

const scope = globalThis as unknown as WorkerScope;

scope.onmessage = ({ data: { update, options, weight } }) => {
  scope.postMessage(rowOf(update, { ...options, weight }));
};

function rowOf(update: LowRankUpdate, options: DescribeOptions): DescribeAnswer {
  try {
    return describeUpdate(update, options);
  } catch {
    return undefined; // the other side tries again, and so has the error itself
  }
}
