import t from 'tap';
import { gemRing } from '../suites/rubygemsring.gem.js';

await gemRing(t, '3.6');
