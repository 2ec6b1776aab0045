/** Batches of prompted texts as a table of what a model reads and what it is scored on. @module */

import type { Batch } from "../../core/batch.ts";
import type { PromptedBatches } from "../../data/mod.ts";
import type { DataTable } from "../../figures/figure.ts";
import { table } from "../../figures/table.ts";

/** A row of a batch as text. */
interface TextRow {
  readonly given: string;
  readonly scored: string;
  readonly tokens: number;
}

/** The rows of the first batch. */
export function batchesTable(batches: PromptedBatches): DataTable {
  const [first] = batches, { examples, leftOut } = batches;
  const [rows, length] = first.inputs.tokens.shape;
  const rest = leftOut === 0 ? "" : `; ${leftOut} texts left out`;
  return table<TextRow>({
    id: "batches",
    title:
      `${examples} examples in batches of ${rows} rows of ${length} tokens${rest}; the first batch: ` +
      "only what is in the column on the right is scored",
    columns: [
      ["given", "given", "text"],
      ["scored", "scored", "text"],
      ["tokens", "tokens scored", "count"],
    ],
    rows: Array.from({ length: rows }, (_, row) => textRow(batches, first, row))
      .filter(({ tokens }) => tokens > 0),
  });
}

function textRow({ tokenizer }: PromptedBatches, batch: Batch, row: number): TextRow {
  const { inputs: { tokens: { shape: [, length], data } }, targets } = batch;
  const part = (values: ArrayLike<number>) =>
    Array.from(values).slice(row * length, (row + 1) * length);
  const labels = part(targets.data), scored = labels.filter((label) => label >= 0);
  const given = part(data).slice(0, labels.findIndex((label) => label >= 0) + 1);
  return {
    given: tokenizer.decode(given),
    scored: tokenizer.decode(scored),
    tokens: scored.length,
  };
}
