import { coreDevices, testOn } from "../support/devices.ts";
import { familyChecks } from "./family_checks.ts";

await testOn(coreDevices, familyChecks);
