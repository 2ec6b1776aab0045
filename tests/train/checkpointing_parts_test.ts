import { testOn, webgpu } from "../support/devices.ts";
import { closeChecks } from "./checkpointing_checks.ts";

await testOn([webgpu], closeChecks);
