import { coreDevices, testOn } from "../support/devices.ts";
import { goldenChecks } from "./golden_checks.ts";

await testOn(coreDevices, goldenChecks);
