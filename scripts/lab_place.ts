/**
 * The notebooks that `deno task lab` opens: copies of the project's notebooks, a folder, or a notebook in it.
 *
 * @module
 */

import { basename, dirname, resolve } from "node:path";
import { rootPath } from "./support/source_files.ts";

/** The folder that Lab serves and the page that it shows first. */
export interface LabPlace {
  /** The folder that it serves, absolute. */
  readonly folder: string;
  /** The notebook that it opens. */
  readonly notebook?: string;
  /** The series that the folder is to get, if any: as it is, or without outputs. */
  readonly copies?: "whole" | "blank";
  /** The arguments that go to JupyterLab. */
  readonly options: readonly string[];
}

const rootOption = /^--(?:ServerApp\.root_dir|notebook-dir)=(.+)$/;

const tour = "00_tour.ipynb";

/** The project's notebooks as somebody runs them: beside the clone's, whose paths hold there, and ignored by git. */
export const copiesPath = `${rootPath}lab`;

/**
 * The place that the arguments name, relative to `from`: the first that is no option, or JupyterLab's own
 * `--ServerApp.root_dir=`. With `--blank` it is a folder, which need not be there. Without one it is the folder of
 * copies.
 *
 * @throws {RangeError} when there is nothing at that place, or no folder is named for `--blank`.
 */
export function labPlace(args: readonly string[], from: string): LabPlace {
  const named = args.find((arg) => !arg.startsWith("-") || rootOption.test(arg));
  const options = args.filter((arg) => arg !== named && arg !== "--blank");
  if (args.includes("--blank")) return blankPlace(named, from, options);
  if (named === undefined) return { folder: copiesPath, notebook: tour, copies: "whole", options };
  const path = resolve(from, rootOption.exec(named)?.[1] ?? named);
  if (!kindOf(path).isFile) return { folder: path, options };
  return { folder: dirname(path), notebook: basename(path), options };
}

function blankPlace(named: string | undefined, from: string, options: string[]): LabPlace {
  const folder = named && resolve(from, rootOption.exec(named)?.[1] ?? named);
  if (!folder || folder.endsWith(".ipynb")) {
    throw new RangeError(
      `--blank needs a folder for notebooks without outputs, found ${named ?? "none"}`,
    );
  }
  return { folder, notebook: tour, copies: "blank", options };
}

function kindOf(path: string): Deno.FileInfo {
  try {
    return Deno.statSync(path);
  } catch {
    throw new RangeError(
      `the lab needs a folder or a notebook and options as --name=value, found ${path}, which does not exist`,
    );
  }
}

/** The arguments for JupyterLab. */
export function labArguments({ folder, notebook, options }: LabPlace): string[] {
  const first = notebook === undefined ? [] : [
    `--LabApp.default_url=/lab/tree/${encodeURIComponent(notebook)}`,
  ];
  return [`--ServerApp.root_dir=${folder}`, ...first, ...options];
}
