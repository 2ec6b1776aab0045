import { testOn, webgpu } from "../support/devices.ts";
import { bottleneckChecks } from "./bottleneck_checks.ts";
import { bottleneckGoldenChecks } from "./bottleneck_golden_checks.ts";

await testOn([webgpu], [...bottleneckChecks, ...bottleneckGoldenChecks]);
