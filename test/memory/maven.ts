import t from 'tap';
import { world } from '../bench/worlds/world.maven.js';
import { packageMemorySuite } from '../suites/packagememory.suite.js';

t.setTimeout(600_000);
packageMemorySuite(world, { size: 500 * 1024 ** 2, allowed: 64 });
