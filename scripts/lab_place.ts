/** Where `deno task lab` opens: the project's notebooks, a folder, or a notebook in it. @module */

import { basename, dirname, resolve } from "node:path";
import { notebooksPath } from "../tests/support/notebook_file.ts";

/** What Lab serves and shows first. */
export interface LabPlace {
  /** The folder that it serves, absolute. */
  readonly folder: string;
  /** The notebook that it opens. */
  readonly notebook?: string;
  /** The arguments that go to JupyterLab. */
  readonly options: readonly string[];
}

const rootOption = /^--(?:ServerApp\.root_dir|notebook-dir)=(.+)$/;

/**
 * The place that the arguments name, relative to `from`: the first that is no option, or JupyterLab's own
 * `--ServerApp.root_dir=`.
 *
 * @throws {RangeError} when there is nothing at that place.
 */
export function labPlace(args: readonly string[], from: string): LabPlace {
  const named = args.find((arg) => !arg.startsWith("-") || rootOption.test(arg));
  const options = args.filter((arg) => arg !== named);
  if (named === undefined) return { folder: notebooksPath, notebook: "00_tour.ipynb", options };
  const path = resolve(from, rootOption.exec(named)?.[1] ?? named);
  if (!kindOf(path).isFile) return { folder: path, options };
  return { folder: dirname(path), notebook: basename(path), options };
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
