import { coreDevices, testOn } from "../support/devices.ts";
import { embeddingChecks } from "./embedding_checks.ts";

await testOn(coreDevices, embeddingChecks);
