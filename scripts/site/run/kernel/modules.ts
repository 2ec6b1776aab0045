/** Modules that a cell can import: the package's entries. @module */

import { NotInPage } from "./not_in_page.ts";

type Module = Readonly<Record<string, unknown>>;

/** The entries of the package, each loaded when the first cell imports it. */
export const entries: Readonly<Record<string, () => Promise<Module>>> = {
  "@lowrank/core": () => import("../../../../mod.ts"),
  "@lowrank/core/accounting": () => import("../../../../src/accounting/mod.ts"),
  "@lowrank/core/adapt": () => import("../../../../src/adapt/mod.ts"),
  "@lowrank/core/analysis": () => import("../../../../src/analysis/mod.ts"),
  "@lowrank/core/architectures": () => import("../../../../src/architectures/mod.ts"),
  "@lowrank/core/autograd": () => import("../../../../src/autograd/mod.ts"),
  "@lowrank/core/data": () => import("../../../../src/data/mod.ts"),
  "@lowrank/core/device": () => import("../../../../src/device/mod.ts"),
  "@lowrank/core/experiments": () => import("../../../../experiments/mod.ts"),
  "@lowrank/core/figures": () => import("../../../../src/figures/mod.ts"),
  "@lowrank/core/formats": () => import("../../../../src/formats/mod.ts"),
  "@lowrank/core/inspect": () => import("../../../../src/inspect/mod.ts"),
  "@lowrank/core/kernels": () => import("../../../../kernels/mod.ts"),
  "@lowrank/core/lesson": () => import("../../../../src/lesson/mod.ts"),
  "@lowrank/core/models": () => import("../../../../src/models/mod.ts"),
  "@lowrank/core/nn": () => import("../../../../src/nn/mod.ts"),
  "@lowrank/core/notebook": () => import("../../../../src/notebook/mod.ts"),
  "@lowrank/core/paper": () => import("../../../../src/paper/mod.ts"),
  "@lowrank/core/quant": () => import("../../../../src/quant/mod.ts"),
  "@lowrank/core/runs": () => import("../../../../src/runs/mod.ts"),
  "@lowrank/core/tokenizer": () => import("../../../../src/tokenizer/mod.ts"),
  "@lowrank/core/train": () => import("../../../../src/train/mod.ts"),
};

/**
 * The exports of a module, in the order of their names; the module itself for `null`.
 *
 * @throws {NotInPage} when the page has no such module.
 * @throws {SyntaxError} when it has no such export.
 */
export async function load(
  specifier: string,
  names: readonly (string | null)[],
): Promise<unknown[]> {
  if (!Object.hasOwn(entries, specifier)) throw new NotInPage(`the module ${specifier}`);
  const module = await entries[specifier]();
  return names.map((name) => {
    if (name === null) return module;
    if (name in module) return module[name];
    throw new SyntaxError(
      `${specifier} has no export ${name}; for a type, write "import type"`,
    );
  });
}
