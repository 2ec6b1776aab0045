import { testOnWebgpu } from "../support/devices.ts";
import { mainChecks } from "./engine_checks.ts";

await testOnWebgpu(mainChecks);
