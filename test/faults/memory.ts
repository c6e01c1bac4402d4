import t from 'tap';
import { faultSuite } from '../suites/faults.suite.js';

// All 14,000 cases of seven protocols take some minutes: FAULTS_ONE_OF=1. A prime, so that it is not always the same
// interferer.
faultSuite(t, { kind: 'memory' }, { oneOf: 5 });
