/** The ledger: live and peak bytes of a device, by role and by type, and what was launched. @module */

import type { ElementType } from "../../kernels/kernel.ts";

/** Purpose of a buffer. Every buffer has a role. */
export type Role =
  | "weight"
  | "quantized"
  | "adapter"
  | "gradient"
  | "optimizer"
  | "activation"
  | "scratch";

/** All roles, in the order in which tables show them. */
export const roles: readonly Role[] = [
  "weight",
  "quantized",
  "adapter",
  "gradient",
  "optimizer",
  "activation",
  "scratch",
];

/** Bytes by role. */
export type BytesByRole = Record<Role, number>;

/** Bytes by element type. */
export type BytesByType = Record<ElementType, number>;

/** Facts that a ledger records about a buffer. */
export interface LedgerItem {
  /** Purpose of the buffer. */
  readonly role: Role;
  /** Type of its elements. */
  readonly type: ElementType;
  /** Bytes of its elements. */
  readonly bytes: number;
  /** Further bytes that only align. */
  readonly padding: number;
}

/** A ledger's values at one moment, in bytes. */
export interface LedgerReading {
  /** Live bytes of each role. */
  readonly byRole: BytesByRole;
  /** Bytes of each role at the moment of the peak. */
  readonly peakByRole: BytesByRole;
  /** Live bytes of each element type. */
  readonly byType: BytesByType;
  /** Bytes of each element type at the moment of the peak. */
  readonly peakByType: BytesByType;
  /** Live bytes of all roles. */
  readonly live: number;
  /** The largest `live` since the ledger began or since {@link Ledger.resetPeak}. */
  readonly peak: number;
  /** Live bytes that only align buffers; not included in the other values. */
  readonly padding: number;
}

const noBytesByRole = (): BytesByRole =>
  Object.fromEntries(roles.map((role) => [role, 0])) as BytesByRole;

const noBytesByType = (): BytesByType => ({ f32: 0, u32: 0, i32: 0, f16: 0, bf16: 0 });

/**
 * Live and peak bytes of a device by role and by element type, with padding counted separately, and the
 * launches so far.
 *
 * It counts the bytes requested. So all devices agree to the byte when they run the same code,
 * including the `dry` device, which allocates nothing.
 */
export class Ledger {
  #byRole = noBytesByRole();
  #peakByRole = noBytesByRole();
  #byType = noBytesByType();
  #peakByType = noBytesByType();
  #live = 0;
  #peak = 0;
  #padding = 0;
  #launches = new Map<string, number>();

  /** Records an allocation. */
  add({ role, type, bytes, padding }: LedgerItem): void {
    this.#byRole[role] += bytes;
    this.#byType[type] += bytes;
    this.#live += bytes;
    this.#padding += padding;
    if (this.#live > this.#peak) this.resetPeak();
  }

  /** Records a release. */
  remove({ role, type, bytes, padding }: LedgerItem): void {
    this.#byRole[role] -= bytes;
    this.#byType[type] -= bytes;
    this.#live -= bytes;
    this.#padding -= padding;
  }

  /** Counts a launch under the key `kernel > role of what it writes`. */
  countLaunch(kernel: string, written: Role): void {
    const key = `${kernel} > ${written}`;
    this.#launches.set(key, (this.#launches.get(key) ?? 0) + 1);
  }

  /** Runs `work` without counting its launches: they were not executed. */
  rehearse<T>(work: () => T): T {
    const launches = new Map(this.#launches);
    try {
      return work();
    } finally {
      this.#launches = launches;
    }
  }

  /** Launches since the ledger began, by `kernel > role of what it writes`. */
  get launches(): ReadonlyMap<string, number> {
    return this.#launches;
  }

  /** Live and peak bytes now. */
  read(): LedgerReading {
    return {
      byRole: { ...this.#byRole },
      peakByRole: { ...this.#peakByRole },
      byType: { ...this.#byType },
      peakByType: { ...this.#peakByType },
      live: this.#live,
      peak: this.#peak,
      padding: this.#padding,
    };
  }

  /** Starts a new peak from what is live now. */
  resetPeak(): void {
    this.#peak = this.#live;
    this.#peakByRole = { ...this.#byRole };
    this.#peakByType = { ...this.#byType };
  }
}
