/** The input files of `logits`, `gradients` and `train`. @module */

import type { ModelInputs } from "../core/batch.ts";
import { readJson } from "../core/files.ts";
import { type HostTensor, hostTensor } from "../core/host_tensor.ts";
import { isRecord, parseUniqueJson } from "../core/json.ts";
import { oneLine, quote } from "../core/quote.ts";

/** Inputs of one forward pass, and labels if there are any. */
export interface Case {
  /** The model's inputs. */
  readonly inputs: ModelInputs;
  /**
   * i32 (batch, time), not shifted, or for each row i32 or, where one is a fraction, f32 (batch); negative
   * whole ones are ignored.
   */
  readonly labels?: HostTensor;
}

/** The fields of a JSON object. */
export type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads `{"cases": {NAME: {...}}}`.
 *
 * @throws {SyntaxError} when a case does not have that form.
 */
export async function readCases(path: string): Promise<Map<string, Case>> {
  const content = await readJson(path, parseUniqueJson);
  if (!isRecord(content) || !isRecord(content.cases)) {
    throw new SyntaxError(`${path} must be {"cases": {NAME: {"input_ids": …}}}, found no cases`);
  }
  const entries = Object.entries(content.cases);
  return new Map(
    entries.map(([name, fields]) => [name, parseCase(`case ${oneLine(name)}`, fields)]),
  );
}

/**
 * Checks one case; `what` names it in errors.
 *
 * @throws {SyntaxError} when a field is malformed, or is one that no command takes yet.
 */
export function parseCase(what: string, fields: unknown): Case {
  if (!isRecord(fields)) throw new SyntaxError(`${what} must be an object with input_ids`);
  if ((fields.adapter ?? undefined) !== undefined) {
    throw new SyntaxError(`${what} must not have adapter: this command does not take it`);
  }
  const tokens = matrixOf(`input_ids of ${what}`, fields.input_ids, Uint32Array);
  const optional = (key: string, type: WholeArray) =>
    likeTokens(`${key} of ${what}`, fields[key], type, tokens);
  return {
    inputs: {
      tokens,
      attentionMask: optional("attention_mask", Uint32Array),
      positionIds: optional("position_ids", Uint32Array),
      tokenTypeIds: optional("token_type_ids", Uint32Array),
    },
    labels: parseLabels(`labels of ${what}`, fields.labels, tokens),
  };
}

/** One for each token, or a list of one for each row. */
function parseLabels(what: string, labels: unknown, tokens: HostTensor): HostTensor | undefined {
  if (!Array.isArray(labels) || labels.length === 0 || labels.some(Array.isArray)) {
    return likeTokens(what, labels, Int32Array, tokens);
  }
  const [rows] = tokens.shape;
  const isNumber = (value: unknown) =>
    typeof value === "number" && Number.isFinite(Math.fround(value));
  if (labels.length !== rows || !labels.every(isNumber)) {
    throw new SyntaxError(`${what} must be ${rows} numbers, one for each row, or like input_ids`);
  }
  const whole = Int32Array.from(labels), areWhole = labels.every((one, i) => one === whole[i]);
  return hostTensor([rows], areWhole ? whole : Float32Array.from(labels));
}

type WholeArray = Int32ArrayConstructor | Uint32ArrayConstructor;

function likeTokens(
  what: string,
  rows: unknown,
  type: WholeArray,
  { shape }: HostTensor,
): HostTensor | undefined {
  if (rows === undefined || rows === null) return undefined;
  const matrix = matrixOf(what, rows, type);
  if (matrix.shape.join() === shape.join()) return matrix;
  throw new SyntaxError(
    `${what} must be ${shape.join(" x ")} like input_ids, found ${matrix.shape.join(" x ")}`,
  );
}

function matrixOf(what: string, rows: unknown, type: WholeArray): HostTensor {
  const valid = Array.isArray(rows) && rows.length > 0 && rows.every(Array.isArray) &&
    rows[0].length > 0 && rows.every((row) => row.length === rows[0].length);
  if (!valid) throw new SyntaxError(`${what} must be a list of equally long lists of numbers`);
  const flat: unknown[] = rows.flat();
  const wrong = flat.find((value) => type.of(value as number)[0] !== value);
  if (wrong !== undefined) {
    const range = type === Uint32Array ? "whole numbers, 0 or more" : "whole numbers";
    throw new SyntaxError(`${what} must hold ${range}, found ${quote(wrong)}`);
  }
  return hostTensor([rows.length, rows[0].length], type.from(flat as number[]));
}
