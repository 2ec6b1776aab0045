/** The table of held-out losses over sites and ranks. @module */

import type { DataTable } from "../../src/figures/figure.ts";
import { type LossRow, meanLoss, spreadOf } from "./loss_rows.ts";

/** A row for each choice, the base without an adapter first. */
export function lossTable(
  id: string,
  title: string,
  base: number,
  rows: readonly LossRow[],
): DataTable {
  return {
    id,
    title,
    columns: [
      { key: "sites", label: "adapted", unit: "text" },
      { key: "rank", label: "r", unit: "count" },
      { key: "trained", label: "trained values", unit: "count" },
      { key: "loss", label: "held-out loss (nats per token)", unit: "nats" },
      { key: "spread", label: "spread over seeds", unit: "nats" },
      { key: "seeds", label: "seeds", unit: "count" },
    ],
    rows: [
      { sites: "nothing: the base", loss: base },
      ...rows.map((row) => ({
        sites: row.sites,
        rank: row.rank,
        trained: row.trained,
        loss: meanLoss(row),
        spread: row.losses.length > 1 ? spreadOf(row) : undefined,
        seeds: row.losses.length,
      })),
    ],
  };
}

/** What a finding says of its seeds. */
export function seedsNote({ losses }: LossRow): string {
  return losses.length === 1
    ? "One seed: how far seeds spread is not known"
    : `Means of ${losses.length} seeds`;
}
