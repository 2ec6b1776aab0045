import { openLapack } from "../../src/blas/mod.ts";
import { lapackBackend } from "../../src/linalg/lapack.ts";
import { testBackend } from "./backend_tests.ts";

const lapack = openLapack();

testBackend("LAPACK", lapack === undefined, () => lapackBackend(lapack!));
