import t from 'tap';
import { mavenRing } from '../suites/mavenring.suite.js';

t.test('Maven 4 on a directory', { timeout: 540_000 }, (t) => mavenRing(t, 'maven-4', 'Maven 4'));
