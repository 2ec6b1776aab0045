/**
 * Finds the system's BLAS, opens it through Deno's FFI, and reads the name that it gives itself.
 *
 * @module
 */

import { DeviceError } from "../core/errors.ts";
import { environmentVariable, inBrowser } from "../core/platform.ts";
import { linkedPath } from "../storage/open_file.ts";

// Routines.

/**
 * Symbols that OpenBLAS and MKL have besides their routines: the threads of the whole process, and
 * their own names.
 */
export const settingDefinitions = (prefix: string) => ({
  setThreads: {
    name: `${prefix}openblas_set_num_threads`,
    parameters: ["i32"],
    result: "void",
    optional: true,
  },
  config: {
    name: `${prefix}openblas_get_config`,
    parameters: [],
    result: "pointer",
    optional: true,
  },
  core: {
    name: `${prefix}openblas_get_corename`,
    parameters: [],
    result: "pointer",
    optional: true,
  },
  setLayer: {
    name: "MKL_Set_Threading_Layer",
    parameters: ["i32"],
    result: "i32",
    optional: true,
  },
  setIntegers: {
    name: "MKL_Set_Interface_Layer",
    parameters: ["i32"],
    result: "i32",
    optional: true,
  },
  version: {
    name: "MKL_Get_Version_String",
    parameters: ["buffer", "i32"],
    result: "void",
    optional: true,
  },
} as const);

/** The symbols of {@link settingDefinitions} that set threads, if the library has them. */
interface ThreadSymbols {
  /** OpenBLAS's number of threads. */
  readonly setThreads: ((count: number) => void) | null;
  /** Chooses MKL's way to have threads and returns it; whatever is called before chooses another one for good. */
  readonly setLayer: ((layer: number) => number) | null;
  /** Chooses the width of MKL's integers, whatever its environment variable says. */
  readonly setIntegers: ((layer: number) => number) | null;
}

const sequentialLayer = 1; // MKL_THREADING_SEQUENTIAL
const integersOf32Bits = 0; // MKL_INTERFACE_LP64

/** Limits a library of which nothing was called yet to one thread a call; false if it cannot be limited. */
export function limitThreads({ setThreads, setLayer, setIntegers }: ThreadSymbols): boolean {
  setThreads?.(1);
  setIntegers?.(integersOf32Bits);
  return setThreads !== null || setLayer?.(sequentialLayer) === sequentialLayer;
}

/** The symbols, with a prefix before their names; plain data, so that workers can receive them. */
export const definitions = (prefix: string) => ({
  sgemm: {
    name: `${prefix}cblas_sgemm`,
    parameters: [
      ...["i32", "i32", "i32", "i32", "i32", "i32"] as const, // order, transposes, m, n, k
      ...["f32", "usize", "i32", "usize", "i32", "f32", "usize", "i32"] as const,
    ],
    result: "void",
  },
  ...settingDefinitions(prefix),
} as const);

// The library.

/** A BLAS as Deno opens it. */
export type BlasLibrary = Deno.DynamicLibrary<ReturnType<typeof definitions>>;

/** An open library, and how to open it again. */
export interface FoundLibrary<Symbols extends Deno.ForeignLibraryInterface> {
  /** The handle, which the caller closes. */
  readonly library: Deno.DynamicLibrary<Symbols>;
  /** Name or path. */
  readonly path: string;
  /** The symbols, with the prefix that this library uses. */
  readonly definitions: Symbols;
}

/** Makes the definitions of symbols with a prefix before their names. */
type Definitions<Symbols> = (prefix: string) => Symbols;

/** PyPI's scipy-openblas32 puts `scipy_` before each of its names. */
const prefixes = ["", "scipy_"];

const accelerate = "/System/Library/Frameworks/Accelerate.framework/Accelerate";

/**
 * Path of PyPI's library, which `deno task lab` installs for a machine that has no other; empty for
 * a package in another place.
 */
function labPaths(): string[] {
  const { protocol, pathname } = new URL("../../.venv/lib/libscipy_openblas.so", import.meta.url);
  return protocol === "file:" ? [decodeURIComponent(pathname)] : [];
}

/** The paths in the order of the search. Debian has the soname alone unless -dev is installed. */
const searchedPaths = (): readonly string[] => [
  "libopenblas.so.0",
  "libopenblas.so",
  "libopenblasp.so.0",
  "libscipy_openblas.so",
  accelerate,
  "libopenblas.dll",
  ...labPaths(),
];

const variable = "LOWRANK_BLAS";

/**
 * Opens the BLAS that `LOWRANK_BLAS` names or, without that, the first that the system has.
 *
 * Returns `undefined` if there is none, for `LOWRANK_BLAS=off`, and without `--allow-ffi`, for which it
 * does not prompt.
 *
 * @throws {DeviceError} when `LOWRANK_BLAS` names a library that cannot be opened.
 */
export function findLibrary<Symbols extends Deno.ForeignLibraryInterface>(
  symbols: Definitions<Symbols>,
): FoundLibrary<Symbols> | undefined {
  const requested = requestedPath();
  if (!libraryWanted() || !granted()) return undefined;
  if (requested !== undefined) return openRequested(requested, symbols);
  for (const path of searchedPaths()) {
    const found = tryToOpen(path, symbols);
    if (typeof found !== "string") return found;
  }
  return undefined;
}

/**
 * One line for programs that run long without a BLAS; `undefined` where there is one, or where
 * `LOWRANK_BLAS` says that none is wanted.
 */
export function blasAdvice(): string | undefined {
  if (!libraryWanted() || !granted()) return undefined;
  const found = findLibrary(definitions);
  found?.library.close();
  return found ? undefined : advice;
}

const advice = "A BLAS would make this faster, and this machine has none: " +
  "`deno task lab` installs one, as does apt-get install libopenblas0 on Debian.";

/** False for `LOWRANK_BLAS=off`. */
export function libraryWanted(): boolean {
  return requestedPath() !== "off";
}

/** The value of `LOWRANK_BLAS`; `undefined` for a search. */
function requestedPath(): string | undefined {
  const value = environmentVariable(variable) ?? "";
  return value === "" || value === "auto" ? undefined : value;
}

/**
 * Permission for one path is not enough: Deno reveals addresses only with permission for all. A browser
 * has no FFI.
 */
function granted(): boolean {
  if (inBrowser) return false;
  const { state, partial } = Deno.permissions.querySync({ name: "ffi" });
  return state === "granted" && !partial;
}

function openRequested<Symbols extends Deno.ForeignLibraryInterface>(
  path: string,
  symbols: Definitions<Symbols>,
): FoundLibrary<Symbols> {
  // The system searches for a name. MKL looks for its parts beside the path that it was opened by.
  const found = tryToOpen(/[/\\]/.test(path) ? linkedPath(path) : path, symbols);
  if (typeof found !== "string") return found;
  throw new DeviceError(
    `${variable} must be off, auto or the path of a BLAS with cblas_sgemm, found ${path}: ${found}`,
  );
}

/** The library, or why it cannot be opened with unprefixed symbols. */
function tryToOpen<Symbols extends Deno.ForeignLibraryInterface>(
  path: string,
  symbols: Definitions<Symbols>,
): FoundLibrary<Symbols> | string {
  let reason = "";
  for (const definitions of prefixes.map(symbols)) {
    try {
      return { library: Deno.dlopen(path, definitions), path, definitions };
    } catch (error) {
      reason ||= (error as Error).message.replace(/^(Could not open library: )+/, "");
    }
  }
  return reason;
}

// Its name.

/** The symbols of `settingDefinitions` that the library has. */
export interface NameSymbols {
  /** Its version and options. */
  readonly config: (() => Deno.PointerValue) | null;
  /** The processor type whose kernels it chose. */
  readonly core: (() => Deno.PointerValue) | null;
  /** Writes MKL's version. */
  readonly version: ((into: Uint8Array<ArrayBuffer>, length: number) => void) | null;
}

/** Such as `OpenBLAS 0.3.29 SkylakeX` or `MKL 2026.2`; `Accelerate` or `BLAS` if the library does not say. */
export function nameOf({ config, core, version }: NameSymbols): string {
  if (version) return `MKL ${mklVersion(version)}`.trim();
  const words = textAt(config?.()).split(" ").slice(0, 2);
  if (words.length < 2) return Deno.build.os === "darwin" ? "Accelerate" : "BLAS";
  return [...words, textAt(core?.())].join(" ").trim();
}

/**
 * The version in a text such as
 * `Intel(R) oneAPI Math Kernel Library Version 2026.2-Product Build …`.
 */
function mklVersion(write: NonNullable<NameSymbols["version"]>): string {
  const bytes = new Uint8Array(256);
  write(bytes, bytes.length);
  return new TextDecoder().decode(bytes).match(/Version ([\d.]+)/)?.[1] ?? "";
}

function textAt(pointer: Deno.PointerValue | undefined): string {
  return pointer ? Deno.UnsafePointerView.getCString(pointer) : "";
}
