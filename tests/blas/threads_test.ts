/** A library is limited to one thread before anything else of it is called. */

import { assertEquals } from "@std/assert";
import { Blas, type BlasPlace, Lapack } from "../../src/blas/mod.ts";
import type { BlasLibrary } from "../../src/blas/library.ts";

const place = { path: "libmkl_rt.so.3" } as BlasPlace;

/** Like MKL: the first call of any other function chooses how it has threads, for good. */
function mkl() {
  let layer: number | undefined, integers = 1;
  const symbols = {
    ...{ setThreads: null, config: null, core: null, sgemm: () => {} },
    setLayer: (wanted: number) => layer ??= wanted,
    setIntegers: (wanted: number) => integers = wanted,
    version(into: Uint8Array) {
      layer ??= 0;
      new TextEncoder().encodeInto("Intel(R) … Version 2026.2-Product Build …", into);
    },
  };
  return {
    library: { symbols, close: () => {} } as unknown as BlasLibrary,
    layer: () => layer,
    integers: () => integers,
  };
}

Deno.test("MKL is sequential: nothing chooses other threads before", () => {
  const { library, layer } = mkl(), blas = new Blas(library, place);
  assertEquals([blas.name, blas.place, layer()], ["MKL 2026.2", place, 1]);
  const other = mkl();
  const lapack = new Lapack(other.library as never, {} as never);
  assertEquals([lapack.name, other.layer()], ["MKL 2026.2", 1]);
});

Deno.test("MKL's integers have 32 bits, whatever its variable says", () => {
  const { library, integers } = mkl();
  new Blas(library, place);
  assertEquals(integers(), 0);
});

Deno.test("a library whose threads are chosen already is not for workers", () => {
  const { library } = mkl();
  library.symbols.version!(new Uint8Array(256), 256);
  assertEquals(new Blas(library, place).place, undefined);
});
