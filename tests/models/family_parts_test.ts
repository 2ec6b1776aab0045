import { testOn, webgpu } from "../support/devices.ts";
import { familyChecks } from "./family_checks.ts";

await testOn([webgpu], familyChecks);
