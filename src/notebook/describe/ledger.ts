/** A ledger as a table. @module */

import { type Ledger, roles } from "../../device/ledger.ts";
import type { DataTable } from "../../figures/figure.ts";
import { table } from "../../figures/table.ts";

/** Live and peak bytes of each role that has been used. */
export function ledgerTable(ledger: Ledger): DataTable {
  const { byRole, peakByRole, live, peak } = ledger.read();
  const used = roles.filter((role) => byRole[role] > 0 || peakByRole[role] > 0);
  return table({
    id: "ledger",
    title: "Bytes on the device by role: now, and when the total was highest",
    columns: [
      ["role", "role", "text"],
      ["live", "live", "bytes"],
      ["peak", "at the peak", "bytes"],
    ],
    rows: [
      ...used.map((role) => ({ role, live: byRole[role], peak: peakByRole[role] })),
      { role: "all", live, peak },
    ],
  });
}
