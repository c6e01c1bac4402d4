import t from 'tap';
import { faultSuite } from '../suites/faults.suite.js';

// every case runs in memory; one in five is enough to show that the driver tells the same
faultSuite(t, { kind: 'directory' }, { oneOf: 7 });
