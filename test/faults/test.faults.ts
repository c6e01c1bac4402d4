import t from 'tap';
import { faultSuite } from '../suites/faults.suite.js';

// A sample of what test/faults/memory.ts tries whole; a prime, so that it is not always the same interferer.
faultSuite(t, { kind: 'memory' }, { oneOf: 41 });
