import { testOn, webgpu } from "../support/devices.ts";
import { togetherChecks } from "./together_checks.ts";

await testOn([webgpu], togetherChecks);
