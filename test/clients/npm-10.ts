import { directoryRing } from '../suites/clientring.suite.js';

directoryRing('npm-10');
