/** The bytes of one run on a device that others may use too. @module */

import type { Device } from "../device/device.ts";
import { type BytesByRole, roles } from "../device/ledger.ts";

/** Bytes of a run on its device, excluding those that were there before. */
export interface RunLedger {
  /** Between steps, by role. */
  readonly byRole: BytesByRole;
  /** At the moment of the peak of all roles together. */
  readonly peakByRole: BytesByRole;
  /** Between steps, all roles. */
  readonly live: number;
  /** At the peak, all roles. */
  readonly peak: number;
}

/** Starts counting; the returned function measures the bytes in addition to those already there. */
export function watchLedger({ ledger }: Device): () => RunLedger {
  ledger.resetPeak();
  const before = ledger.read();
  return () => {
    const { byRole, peakByRole, live, peak } = ledger.read();
    const added = (bytes: typeof byRole) =>
      Object.fromEntries(
        roles.map((role) => [role, bytes[role] - before.byRole[role]]),
      ) as typeof byRole;
    return {
      byRole: added(byRole),
      peakByRole: added(peakByRole),
      live: live - before.live,
      peak: peak - before.live,
    };
  };
}
