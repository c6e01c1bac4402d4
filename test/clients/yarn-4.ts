import { directoryRing } from '../suites/clientring.suite.js';

directoryRing('yarn-4');
