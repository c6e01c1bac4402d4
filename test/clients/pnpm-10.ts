import { directoryRing } from '../suites/clientring.suite.js';

directoryRing('pnpm-10');
