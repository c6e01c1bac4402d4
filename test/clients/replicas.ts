import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { shortRing } from '../suites/clientring.suite.js';
import { startServer } from '../support/client/server.js';

// Two processes on one directory: the clients write to one and read from the other.
const data = await mkdtemp(join(tmpdir(), 'smartregistry-shared-'));
t.teardown(() => rm(data, { recursive: true, force: true, maxRetries: 3 }));
const server = await startServer({ data });
t.teardown(() => server.stop());
const reader = await startServer({ data });
t.teardown(() => reader.stop());
shortRing(['npm-11', 'pnpm-10', 'yarn-1'], { label: 'directory, two processes', server, reader });
