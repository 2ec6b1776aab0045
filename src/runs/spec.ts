/** Specifications of runs: plain records, and the hash that names a run's folder. @module */

import type { LoraOptions } from "../adapt/mod.ts";
import type { DeviceKind } from "../device/device.ts";
import type { ScheduleName, TrainerOptions } from "../train/mod.ts";
import type { LossSpec } from "./losses.ts";

/** A JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | JsonRecord;

/** A JSON object. */
export interface JsonRecord {
  /** A field; one that is absent or `undefined` is not part of the record. */
  readonly [field: string]: Json | undefined;
}

/** What is trained: every parameter of the model, or low-rank updates of some of its sites. */
export type MethodSpec =
  | { readonly kind: "full" }
  | ({ readonly kind: "lora" } & Omit<LoraOptions, "seed">);

/** How it is trained. */
export interface TrainingSpec
  extends LossSpec, Omit<TrainerOptions, "schedule" | "groups" | "seed" | "loss"> {
  /** How the learning rate changes. Default `constant`. */
  readonly schedule?: ScheduleName;
}

/** Everything that a run's result depends on. */
export interface RunSpec {
  /** Which model: a folder, or anything that `openModel` understands. */
  readonly model: Json;
  /** What is trained. */
  readonly method: MethodSpec;
  /** Which batches: anything that `openBatches` understands. */
  readonly data: Json;
  /** How it is trained. */
  readonly training: TrainingSpec;
  /** Seed of the adapter's initial values, of dropout, and for `openModel` and `openBatches`. */
  readonly seed: number;
  /** The kind of device: its rounding is part of the result. */
  readonly device: DeviceKind;
}

/** Raised when the same specification yields different numbers, so that old folders are not reused. */
const format = 2;

/**
 * JSON whose bytes depend only on the content: sorted fields, no spaces, `undefined` fields left out.
 *
 * @throws {TypeError} when a value cannot be JSON, such as NaN or a function.
 */
export function canonicalJson(value: unknown, path = "spec"): string {
  if (Array.isArray(value)) {
    return `[${value.map((item, i) => canonicalJson(item, `${path}[${i}]`)).join()}]`;
  }
  if (isRecord(value)) {
    const fields = Object.keys(value).filter((key) => value[key] !== undefined).sort();
    const pairs = fields.map((key) =>
      `${JSON.stringify(key)}:${canonicalJson(value[key], `${path}.${key}`)}`
    );
    return `{${pairs.join()}}`;
  }
  const plain = value === null || ["string", "boolean"].includes(typeof value);
  if (plain || Number.isFinite(value)) return JSON.stringify(value);
  throw new TypeError(`a specification must be JSON only, found ${String(value)} as ${path}`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" &&
    [Object.prototype, null].includes(Object.getPrototypeOf(value));
}

/** SHA-256 of the specification's canonical JSON, 64 hexadecimal digits. */
export async function hashOf(spec: RunSpec): Promise<string> {
  return await sha256(new TextEncoder().encode(canonicalJson({ format, spec })));
}

/** SHA-256 of bytes, 64 hexadecimal digits. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
