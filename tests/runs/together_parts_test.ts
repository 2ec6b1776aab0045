import { testOnWebgpu } from "../support/devices.ts";
import { togetherChecks } from "./together_checks.ts";

await testOnWebgpu(togetherChecks);
