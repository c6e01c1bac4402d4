import t from 'tap';
import { world } from '../bench/worlds/world.npm.js';
import { packageMemorySuite } from '../suites/packagememory.suite.js';

t.setTimeout(600_000);
// as base64 in one string of JSON, which cannot be longer than 512 MiB
packageMemorySuite(world, { size: 200 * 1024 ** 2, allowed: 64 });
