import { testOnWebgpu } from "../support/devices.ts";
import { shortChecks } from "./method_checks.ts";

await testOnWebgpu(shortChecks);
