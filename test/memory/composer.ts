import t from 'tap';
import { world } from '../bench/worlds/world.composer.js';
import { packageMemorySuite } from '../suites/packagememory.suite.js';

t.setTimeout(600_000);
// A body that is the file itself arrives in new buffers of at most 64 KiB, which V8 frees in a thread of its own: on a
// busy machine 44 to 46 MiB were measured, and once 70.
packageMemorySuite(world, { size: 500 * 1024 ** 2, allowed: 64 });
