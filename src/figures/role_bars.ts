/** Bytes by role as stacked bars, one bar per method. @module */

import type { Figure } from "./figure.ts";
import { axis, baseLayout } from "./layout.ts";
import { barsAcross } from "./marks.ts";
import { roleColors } from "./palette.ts";

/** A bar: a method and its bytes. */
export interface RoleBar {
  /** Name of the method. */
  readonly label: string;
  /** Its bytes of each role, as a ledger reports them. */
  readonly byRole: Readonly<Record<string, number>>;
}

/** From 0 B to 14 TB: the unit of the labels follows the bars. */
const bytesAxis = axis("bytes", { tickformat: "~s", ticksuffix: "B" });

/** The roles that any of the bars has bytes of, in the ledger's order. */
export function usedRoles(bars: readonly RoleBar[]): string[] {
  return Object.keys(roleColors).filter((role) => bars.some(({ byRole }) => byRole[role] > 0));
}

/**
 * Traces and layout of the bars.
 *
 * @example
 * ```ts
 * import { roleBars } from "@lowrank/core/figures";
 *
 * const bars = [{ label: "LoRA", byRole: { weight: 4e6, adapter: 1e5 } }];
 * console.log(roleBars(bars, 300).data.length); // 2
 * ```
 */
export function roleBars(
  bars: readonly RoleBar[],
  height: number,
): Pick<Figure, "data" | "layout"> {
  const more = { barmode: "stack", height };
  return {
    data: usedRoles(bars).map((role) =>
      barsAcross(
        bars,
        ({ byRole }) => byRole[role],
        ({ label }) => label,
        { color: roleColors[role] },
        { name: role },
      )
    ),
    layout: baseLayout(bytesAxis, axis("", { autorange: "reversed" }), more),
  };
}
