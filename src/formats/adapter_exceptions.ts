/** What a strict reader of adapters refuses, unless it is let pass by name. @module */

import { AdapterFileError } from "../core/errors.ts";
import { quote } from "../core/quote.ts";

/**
 * What stops the reading of an adapter by default:
 *
 * | name | what is let pass |
 * | --- | --- |
 * | `unknownFields` | fields of the configuration that are not implemented or unknown, with a value that says something; they are ignored |
 * | `unknownTensors` | tensors that belong to no update, and modules that the configuration does not select; they are left out |
 * | `missingTensors` | A without B, or B without A, and layers that the configuration selects and the file has no weights of |
 * | `unmatchedTargets` | names in `target_modules` that match no module of the file |
 * | `ranks` | ranks other than those of the configuration; the file's are used, in the scaling too |
 * | `nonFinite` | factors that are NaN or infinite |
 */
export type AdapterException =
  | "unknownFields"
  | "unknownTensors"
  | "missingTensors"
  | "unmatchedTargets"
  | "ranks"
  | "nonFinite";

/** The names of all exceptions. */
export const adapterExceptions: readonly AdapterException[] = [
  ...["unknownFields", "unknownTensors", "missingTensors", "unmatchedTargets"] as const,
  ...["ranks", "nonFinite"] as const,
];

/** The exceptions of one reading, and what they let pass. */
export class Exceptions {
  /** What was let pass: `unknownTensors: base_model.model.score.weight`. */
  readonly passed: string[] = [];
  readonly #allowed: readonly string[];

  /**
   * Takes the names of what may pass.
   *
   * @throws {RangeError} when there is no such exception.
   */
  constructor(allowed: readonly AdapterException[] = []) {
    const unknown = allowed.find((name) => !adapterExceptions.includes(name));
    if (unknown !== undefined) {
      throw new RangeError(
        `allow must list some of ${adapterExceptions.join(", ")}, found ${quote(unknown)}`,
      );
    }
    this.#allowed = allowed;
  }

  /**
   * Records what was found, if that may pass.
   *
   * @param found What the sentence says was found. Default: the name.
   * @throws {AdapterFileError} when it may not.
   */
  pass(exception: AdapterException, rule: string, name: string, found = quote(name)): void {
    if (!this.#allowed.includes(exception)) {
      throw new AdapterFileError(`${rule}, found ${found}; allow: ["${exception}"] lets it pass`);
    }
    this.passed.push(`${exception}: ${name}`);
  }
}
