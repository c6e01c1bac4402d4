import t from 'tap';
import { faultSuite } from '../suites/faults.suite.js';

// the cases themselves are tried in memory; this shows that the driver tells the same
faultSuite(t, { kind: 'directory' }, { oneOf: 7 });
