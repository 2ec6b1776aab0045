import { testOn, webgpu } from "../support/devices.ts";
import { mainChecks } from "./engine_checks.ts";

await testOn([webgpu], mainChecks);
