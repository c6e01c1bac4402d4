import t from 'tap';
import { world } from '../bench/worlds/world.composer.js';
import { packageMemorySuite } from '../suites/packagememory.suite.js';

t.setTimeout(600_000);
// A body that is the file itself arrives in buffers of the socket, 64 KiB each, which V8 frees late: up to 70 MiB were
// seen on a busy machine.
packageMemorySuite(world, { size: 500 * 1024 ** 2, allowed: 96 });
