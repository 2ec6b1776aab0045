import { testOn, webgpu } from "../support/devices.ts";
import { shortChecks } from "./method_checks.ts";

await testOn([webgpu], shortChecks);
