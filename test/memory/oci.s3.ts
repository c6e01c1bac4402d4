import t from 'tap';
import { ociBrokenSuite } from '../suites/ocibroken.suite.js';
import { ociMemorySuite } from '../suites/ocimemory.suite.js';
import { OciStore } from '../support/oci/store.js';

t.setTimeout(900_000);
const store = await OciStore.s3();
if (store) {
  t.teardown(store.remove);
  ociMemorySuite(store, { size: 2 * 1024 ** 3, allowed: 112 });
  ociBrokenSuite(store);
} else {
  t.pass('not run', { skip: 'no S3 server is installed' });
}
