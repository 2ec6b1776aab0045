/** Full fine-tuning. @module */

import type { Method } from "./method.ts";

/** Every parameter of the model; there is nothing to choose. */
export const full: Method<"full", Record<never, never>> = {
  kind: "full",
  summary: "the whole model",
  options: {},
  title: () => "full fine-tuning",
  counts: () => ({ own: () => true }),
  trains: "weights",
};
