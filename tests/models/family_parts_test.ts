import { testOnWebgpu } from "../support/devices.ts";
import { familyChecks } from "./family_checks.ts";

await testOnWebgpu(familyChecks);
