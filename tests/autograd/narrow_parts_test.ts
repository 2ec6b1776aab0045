import { testOnWebgpu } from "../support/devices.ts";
import { narrowChecks } from "./narrow_checks.ts";

await testOnWebgpu(narrowChecks);
