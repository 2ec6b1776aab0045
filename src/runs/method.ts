/** Methods by their specifications. @module */

import { injectLora, type LoraAdapter } from "../adapt/mod.ts";
import { quote } from "../core/quote.ts";
import type { Model } from "../models/mod.ts";
import type { MethodSpec } from "./spec.ts";

/** Adds what a method needs to a model; nothing for full fine-tuning. */
export function applyMethod(
  model: Model,
  method: MethodSpec,
  seed: number,
): LoraAdapter | undefined {
  if (method.kind === "full") return undefined;
  if (method.kind === "lora") {
    const { kind: _, ...options } = method;
    return injectLora(model, { ...options, seed });
  }
  const { kind } = method as { kind: string };
  throw new RangeError(`a method must be of kind full or lora, found ${quote(kind)}`);
}
