import { testOn, webgpu } from "../support/devices.ts";
import { narrowChecks } from "./narrow_checks.ts";

await testOn([webgpu], narrowChecks);
