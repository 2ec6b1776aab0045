/** A kind of input from outside, and what must hold for every one of it. @module */

import type fc from "npm:fast-check@4.10.2";
import { withMemoryFolder } from "../../scripts/support/folders.ts";

/** Files by name: what every kind of input consists of. */
export type Files = Readonly<Record<string, Uint8Array<ArrayBuffer>>>;

/** A kind of input. */
export interface Kind {
  /** Its name, in the plural. */
  readonly name: string;
  /** Good inputs with mutations. */
  readonly inputs: fc.Arbitrary<Files>;
  /** The classes of errors by which the package may refuse one. */
  readonly refusals: readonly ErrorClass[];
  /**
   * Reads an input with the package and checks what it gave.
   *
   * @throws {Unsound} when the package accepted what it should not have.
   * @throws {Error} when the package refuses the input.
   */
  readonly read: (files: Files) => void | Promise<void>;
  /** The folder for the command line, if it is not the input's own files. */
  readonly folder?: (files: Files) => Files;
  /** As much of `read` as that command does, if it does less. */
  readonly readByCommand?: (files: Files) => void | Promise<void>;
  /** Arguments of the command line that reads that folder, if one does. */
  readonly command?: (folder: string) => string[];
}

/** A class of errors. */
// deno-lint-ignore no-explicit-any -- only compared, never called
export type ErrorClass = new (...args: any[]) => Error;

/** An input that was accepted though something about it is wrong. */
export class Unsound extends Error {
  override name = "Unsound";
}

/** Throws {@link Unsound} unless the condition holds. */
export function sound(condition: boolean, wrong: string): asserts condition {
  if (!condition) throw new Unsound(`accepted ${wrong}`);
}

/** True if all values are finite. */
export function areFinite(values: ArrayLike<number>): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false;
  return true;
}

/** The files as the platform's own, which the package reads like a folder. */
export function inMemory(files: Files): File[] {
  return Object.entries(files).map(([name, bytes]) => new File([bytes], name));
}

/** Calls `use` with the path of a folder with these files, for what is only read from disk. */
export async function onDisk<T>(files: Files, use: (folder: string) => Promise<T>): Promise<T> {
  let result: T;
  await withMemoryFolder(async (folder) => {
    writeFiles(folder, files);
    result = await use(folder);
  });
  return result!;
}

/** Writes files to a folder. */
export function writeFiles(folder: string, files: Files): void {
  for (const [name, bytes] of Object.entries(files)) Deno.writeFileSync(`${folder}/${name}`, bytes);
}

/** An input as JSON: text where a file is printable text, else its bytes in base64. */
export function filesToJson(files: Files): Record<string, unknown> {
  const entries = Object.entries(files).map(([name, bytes]) => {
    const text = textOf(bytes);
    return [name, text ?? { base64: bytes.toBase64() }];
  });
  return Object.fromEntries(entries);
}

/** The input that {@link filesToJson} described. */
export function filesFromJson(json: Readonly<Record<string, unknown>>): Files {
  const entries = Object.entries(json).map(([name, content]) => {
    if (typeof content === "string") return [name, new TextEncoder().encode(content)];
    return [name, Uint8Array.fromBase64((content as { base64: string }).base64)];
  });
  return Object.fromEntries(entries);
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
