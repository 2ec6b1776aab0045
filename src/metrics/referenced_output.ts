/** A text that a model made, and the texts of people that it is compared with. @module */

/** A text that a model made, and at least one text of a person for the same input. */
export interface ReferencedOutput {
  /** What the model made; may be empty. */
  readonly output: string;
  /** What people wrote; their order does not matter. */
  readonly references: readonly string[];
}

/** Throws unless there are outputs, each with a reference. */
export function assertReferenced(metric: string, outputs: readonly ReferencedOutput[]): void {
  if (outputs.length === 0) throw new RangeError(`${metric} needs at least 1 output, found none`);
  const bare = outputs.findIndex(({ references }) => references.length === 0);
  if (bare < 0) return;
  throw new RangeError(`${metric} needs a reference for every output, found none for ${bare + 1}`);
}
