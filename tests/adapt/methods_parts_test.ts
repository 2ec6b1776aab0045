import { testOnWebgpu } from "../support/devices.ts";
import { methodChecks } from "./method_checks.ts";

await testOnWebgpu(methodChecks);
