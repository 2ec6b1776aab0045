/** The ledger: which bytes live on a device, by role, and what was launched. @module */

/** What a buffer is for. Every buffer is born with one. */
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

/** What a ledger says at one moment, in bytes. */
export interface LedgerReading {
  /** Live bytes of each role. */
  readonly byRole: BytesByRole;
  /** Bytes of each role at the moment when all roles together stood highest. */
  readonly peakByRole: BytesByRole;
  /** Live bytes of all roles. */
  readonly live: number;
  /** The highest that `live` stood since the ledger began or {@link Ledger.resetPeak}. */
  readonly peak: number;
  /** Live bytes that only align buffers; not part of the others. */
  readonly padding: number;
}

const noBytes = (): BytesByRole =>
  Object.fromEntries(roles.map((role) => [role, 0])) as BytesByRole;

/**
 * Live and peak bytes of a device by role, requested bytes and padding apart, and the launches so far.
 *
 * It counts what was asked for, so that the `dry` device, which allocates nothing, and the others,
 * which do, agree to the byte when they run the same code.
 */
export class Ledger {
  #byRole = noBytes();
  #peakByRole = noBytes();
  #live = 0;
  #peak = 0;
  #padding = 0;
  #launches = new Map<string, number>();

  /** Enters a buffer. */
  add(role: Role, bytes: number, padding = 0): void {
    this.#byRole[role] += bytes;
    this.#live += bytes;
    this.#padding += padding;
    if (this.#live > this.#peak) this.resetPeak();
  }

  /** Strikes a buffer out. */
  remove(role: Role, bytes: number, padding = 0): void {
    this.#byRole[role] -= bytes;
    this.#live -= bytes;
    this.#padding -= padding;
  }

  /** Counts a launch under `kernel > role of what it writes`. */
  countLaunch(kernel: string, written: Role): void {
    const key = `${kernel} > ${written}`;
    this.#launches.set(key, (this.#launches.get(key) ?? 0) + 1);
  }

  /** Forgets the launches of `work`, which were asked for and left out. */
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
      live: this.#live,
      peak: this.#peak,
      padding: this.#padding,
    };
  }

  /** Makes the present the peak, to measure what comes next. */
  resetPeak(): void {
    this.#peak = this.#live;
    this.#peakByRole = { ...this.#byRole };
  }
}
