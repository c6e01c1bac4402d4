import t from 'tap';
import { ociMemorySuite } from '../suites/ocimemory.suite.js';
import { OciStore } from '../support/oci/store.js';

// Too long for the ordinary tests: five times 2 GiB. They do the same with less (test.oci.memory.ts).
t.setTimeout(900_000);
const store = await OciStore.directory();
t.teardown(store.remove);
ociMemorySuite(store, { size: 2 * 1024 ** 3, allowed: 72 });
