/** Bytes by role as stacked bars, one bar a method. @module */

import { type BytesByRole, type Role, roles } from "../src/device/ledger.ts";
import type { Figure } from "../src/figures/figure.ts";
import { axis, baseLayout } from "../src/figures/layout.ts";
import { barsAcross } from "../src/figures/marks.ts";
import { roleColours } from "../src/figures/palette.ts";

/** A bar: a method and its bytes. */
export interface RoleBar {
  /** Name of the method. */
  readonly label: string;
  /** Its bytes of each role. */
  readonly byRole: BytesByRole;
}

const bytesPerUnit = { MB: 1e6, GB: 1e9 } as const;

/** The roles that any of the bars has bytes of, in the ledger's order. */
export function usedRoles(bars: readonly RoleBar[]): Role[] {
  return roles.filter((role) => bars.some(({ byRole }) => byRole[role] > 0));
}

/** Traces and layout of the bars. */
export function roleBars(
  bars: readonly RoleBar[],
  unit: "MB" | "GB",
  height: number,
): Pick<Figure, "data" | "layout"> {
  const more = { barmode: "stack", height };
  return {
    data: usedRoles(bars).map((role) =>
      barsAcross(
        bars,
        ({ byRole }) => byRole[role] / bytesPerUnit[unit],
        ({ label }) => label,
        { color: roleColours[role] },
        { name: role },
      )
    ),
    layout: baseLayout(axis(unit), axis("", { autorange: "reversed" }), more),
  };
}
