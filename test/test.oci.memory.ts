import t from 'tap';
import { OciStore } from './helpers/oci-store.js';
import { ociBrokenSuite } from './suites/ocibroken.suite.js';
import { ociMemorySuite } from './suites/ocimemory.suite.js';

// A quarter of a gigabyte shows whether anything is kept whole; test/memory/oci.ts does the same with two.
const size = 256 * 1024 ** 2;
const directory = await OciStore.directory();
t.teardown(directory.remove);
ociMemorySuite(directory, { size, allowed: 72 });
ociBrokenSuite(directory);

const s3 = await OciStore.s3();
if (s3) {
  t.teardown(s3.remove);
  ociMemorySuite(s3, { size, allowed: 112 });
  ociBrokenSuite(s3);
} else {
  t.pass('not run on S3', { skip: 'no S3 server is installed' });
}
