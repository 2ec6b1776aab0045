import { coreDevices, testOn } from "../support/devices.ts";
import { checks as trainChecks } from "./train_checks.ts";
import { checks as trajectoryChecks } from "./trajectory_checks.ts";

await testOn(coreDevices, [...trajectoryChecks, ...trainChecks]);
