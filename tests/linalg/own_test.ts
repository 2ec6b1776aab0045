import { own } from "../../src/linalg/backend.ts";
import { testBackend } from "./backend_tests.ts";

testBackend("own", false, () => own);
