import t from 'tap';
import { OciStore } from '../helpers/oci-store.js';
import { ociMemorySuite } from '../suites/ocimemory.suite.js';

// Too long for the ordinary tests: five times 2 GiB on each driver.
const size = 2 * 1024 ** 3;
const directory = await OciStore.directory();
t.teardown(directory.remove);
ociMemorySuite(directory, { size, allowed: 72 });

const s3 = await OciStore.s3();
if (s3) {
  t.teardown(s3.remove);
  ociMemorySuite(s3, { size, allowed: 112 });
} else {
  t.pass('not run on S3', { skip: 'no S3 server is installed' });
}
