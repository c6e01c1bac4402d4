import { composerRing } from '../suites/composerring.suite.js';

await composerRing('composer');
