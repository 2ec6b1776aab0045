import { testOnWebgpu } from "../support/devices.ts";
import { closeChecks } from "./checkpointing_checks.ts";

await testOnWebgpu(closeChecks);
