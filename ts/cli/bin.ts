#!/usr/bin/env node
import { main } from './commands.main.js';

// the reader of our output may be gone (`serve | head -1`); that must not end a server
for (const output of [process.stdout, process.stderr]) {
  output.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

process.exitCode = await main(process.argv.slice(2), process.env);
// a socket that a library keeps open must not keep the process alive; this timer itself does not
setTimeout(() => process.exit(), 1_000).unref();
