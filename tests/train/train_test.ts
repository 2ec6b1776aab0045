import { testOnCoreDevices } from "../support/devices.ts";
import { checks as trainChecks } from "./train_checks.ts";
import { checks as trajectoryChecks } from "./trajectory_checks.ts";

testOnCoreDevices([...trajectoryChecks, ...trainChecks]);
