import { testOnWebgpu } from "../support/devices.ts";
import { bottleneckChecks } from "./bottleneck_checks.ts";
import { bottleneckGoldenChecks } from "./bottleneck_golden_checks.ts";

await testOnWebgpu([...bottleneckChecks, ...bottleneckGoldenChecks]);
