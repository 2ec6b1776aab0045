/** Adapters whose weights change by scaling · B A alone. @module */

import { AdapterFileError } from "../core/errors.ts";
import { quote } from "../core/quote.ts";
import type { PeftAdapter } from "./read_adapter.ts";

/**
 * Throws for an adapter of which updates and whole modules are not all.
 *
 * @param action What needs them.
 * @throws {AdapterFileError} then.
 */
export function assertPlainAdapter(
  action: string,
  { updates, biases, rows }: Pick<PeftAdapter, "updates" | "biases" | "rows">,
): void {
  const dora = updates.find(({ magnitude }) => magnitude),
    biased = updates.find(({ bias }) => bias);
  const [bias] = biases.keys(), [embedding] = rows.keys();
  const found = dora
    ? `DoRA on ${quote(dora.module)}`
    : biased
    ? `a bias of B on ${quote(biased.module)}`
    : bias !== undefined
    ? `the trained bias ${quote(bias)}`
    : embedding !== undefined && `trained tokens of ${quote(embedding)}`;
  if (!found) return;
  throw new AdapterFileError(
    `${action} needs an adapter of A, B and whole modules, found ${found}`,
  );
}
