import { directoryRing } from '../suites/clientring.suite.js';

directoryRing('bun');
