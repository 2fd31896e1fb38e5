import { storageFaults } from "./conformance/storage_faults.ts";

storageFaults("s3");
