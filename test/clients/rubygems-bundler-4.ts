import t from 'tap';
import { bundlerRing } from '../suites/rubygemsring.bundler.js';

await bundlerRing(t, '4');
