/** What a library calls itself. @module */

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

/** Of a text such as `Intel(R) oneAPI Math Kernel Library Version 2026.2-Product Build …`. */
function mklVersion(write: NonNullable<NameSymbols["version"]>): string {
  const bytes = new Uint8Array(256);
  write(bytes, bytes.length);
  return new TextDecoder().decode(bytes).match(/Version ([\d.]+)/)?.[1] ?? "";
}

function textAt(pointer: Deno.PointerValue | undefined): string {
  return pointer ? Deno.UnsafePointerView.getCString(pointer) : "";
}
