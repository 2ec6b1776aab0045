/** Bytes by role as stacked bars, one bar a method. @module */

import { type BytesByRole, type Role, roles } from "../device/ledger.ts";
import type { Figure } from "../figures/figure.ts";
import { axis, baseLayout } from "../figures/layout.ts";
import { roleColors } from "../figures/palette.ts";
import type { Trace } from "../figures/plotly_types.ts";

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
  const trace = (role: Role): Trace => ({
    type: "bar",
    orientation: "h",
    name: role,
    y: bars.map(({ label }) => label),
    x: bars.map(({ byRole }) => byRole[role] / bytesPerUnit[unit]),
    marker: { color: roleColors[role] },
  });
  return {
    data: usedRoles(bars).map(trace),
    layout: baseLayout(axis(unit), axis("", { autorange: "reversed" }), {
      barmode: "stack",
      height,
    }),
  };
}
