import t from 'tap';
import { ociBrokenSuite } from '../suites/ocibroken.suite.js';
import { ociMemorySuite } from '../suites/ocimemory.suite.js';
import { OciStore } from '../support/oci/store.js';

// A quarter of a gigabyte shows whether anything is kept whole; test/memory/oci.ts does the same with two.
t.setTimeout(280_000);
const store = await OciStore.directory();
t.teardown(store.remove);
ociMemorySuite(store, { size: 256 * 1024 ** 2, allowed: 72 });
ociBrokenSuite(store);
