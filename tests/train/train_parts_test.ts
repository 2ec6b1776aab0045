import { testOn, webgpu } from "../support/devices.ts";
import { checks as bitsandbytesChecks } from "./bitsandbytes_checks.ts";
import { checks as trainChecks } from "./train_checks.ts";
import { checks as trajectoryChecks } from "./trajectory_checks.ts";

await testOn([webgpu], [...trajectoryChecks, ...trainChecks, ...bitsandbytesChecks]);
