/** A ledger as a table. @module */

import { type Ledger, roles } from "../../device/ledger.ts";
import type { DataTable } from "../../figures/figure.ts";

/** Live and peak bytes of each role that has been used. */
export function ledgerTable(ledger: Ledger): DataTable {
  const { byRole, peakByRole, live, peak } = ledger.read();
  const used = roles.filter((role) => byRole[role] > 0 || peakByRole[role] > 0);
  return {
    id: "ledger",
    title: "Bytes on the device by role: now, and when the total was highest",
    columns: [
      { key: "role", label: "role", unit: "text" },
      { key: "live", label: "live", unit: "bytes" },
      { key: "peak", label: "at the peak", unit: "bytes" },
    ],
    rows: [
      ...used.map((role) => ({ role, live: byRole[role], peak: peakByRole[role] })),
      { role: "all", live, peak },
    ],
  };
}
