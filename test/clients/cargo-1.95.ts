import t from 'tap';
import { cargoRing } from '../suites/cargoring.suite.js';

t.test('cargo on a directory', cargoRing);
