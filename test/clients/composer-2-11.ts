import { composerRing } from '../suites/composerring.suite.js';

await composerRing('composer-2.11');
