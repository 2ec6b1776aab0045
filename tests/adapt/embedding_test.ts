import { testOnCoreDevices } from "../support/devices.ts";
import { embeddingChecks } from "./embedding_checks.ts";

testOnCoreDevices(embeddingChecks);
